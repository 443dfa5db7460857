# Compares our curves, intervals and incidences with those of R's survival package, stratum by stratum.
# Arguments: samples, strata, curves, incidences, as survival_r_test.cpp writes them. Prints the largest difference;
# ends with status 1 where something is missing or differs by more than 1e-9.
suppressMessages(library(survival))
argument <- commandArgs(trailingOnly = TRUE)
texts <- c("stage", "outcome", "type", "region")
read <- function(file) {
  columns <- intersect(texts, names(read.csv(file, nrows = 1)))
  read.csv(file, na.strings = "NA", colClasses = setNames(rep("character", length(columns)), columns))
}
samples <- read(argument[1]); strata <- read(argument[2]); curves <- read(argument[3]); incidences <- read(argument[4])
worst <- 0
compared <- 0
fail <- function(...) { cat(..., "\n"); quit(status = 1) }
compare <- function(what, ours, theirs) {
  if (length(ours) != length(theirs)) fail(what, ": we have", length(ours), "values, R has", length(theirs))
  if (any(is.na(ours) != is.na(theirs))) fail(what, ": not missing in the same places")
  difference <- max(0, abs(ours - theirs), na.rm = TRUE)
  if (difference > 1e-9) fail(what, ": differs by", difference)
  worst <<- max(worst, difference)
  compared <<- compared + length(ours)
}
of <- function(rows, key) {
  rows[rows$stage == key$stage & (key$attempt == 0 | rows$attempt == key$attempt) &
       (key$type == "" | rows$type == key$type), ]
}
same <- function(rows, key) rows[rows$stage == key$stage & rows$attempt == key$attempt & rows$type == key$type, ]
for (i in seq_len(nrow(strata))) {
  key <- strata[i, ]
  name <- paste(key$stage, key$attempt, key$type)
  x <- of(samples, key)
  compare(paste(name, "samples"), key$samples, nrow(x))
  compare(paste(name, "events"), key$events, sum(x$event))
  if (key$events == 0) next
  ours <- same(curves, key)
  s <- survfit(Surv(days, event) ~ 1, data = x, timefix = FALSE)
  at <- s$n.event > 0
  compare(paste(name, "days"), ours$days, s$time[at])
  compare(paste(name, "at risk"), ours$at_risk, s$n.risk[at])
  compare(paste(name, "survival"), ours$survival, s$surv[at])
  compare(paste(name, "lower"), ours$lower, s$lower[at])
  compare(paste(name, "upper"), ours$upper, s$upper[at])
  states <- sort(unique(x$outcome[x$event == 1]))
  x$state <- factor(ifelse(x$event == 1, x$outcome, "censored"), c("censored", states))
  s <- survfit(Surv(days, state) ~ 1, data = x, timefix = FALSE)
  probability <- matrix(s$pstate, ncol = length(s$states))
  event <- matrix(s$n.event, ncol = length(s$states))
  for (state in states) {
    column <- which(s$states == state)
    at <- event[, column] > 0
    mine <- same(incidences, key)
    mine <- mine[mine$outcome == state, ]
    compare(paste(name, state, "days"), mine$days, s$time[at])
    compare(paste(name, state, "probability"), mine$probability, probability[at, column])
  }
}
if (compared < 1000) fail("only", compared, "values were compared")
cat(compared, "values of", nrow(strata), "strata compared with survival", as.character(packageVersion("survival")),
    "- largest difference", worst, "\n")
