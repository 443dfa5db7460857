#include "server/read/estimate_json.hpp"

#include <array>

#include <spdlog/fmt/fmt.h>

#include "projections/json_writer.hpp"
#include "schema/codes.hpp"

namespace ledger::server {
namespace {

using projections::JsonWriter;
using projections::Stage;
using projections::StageOutcome;
using replay::Estimate;
using replay::EstimateDays;
using replay::EstimateStratum;
using replay::NoEstimate;

constexpr std::uint32_t kStatutoryWorkingDays = 30;
constexpr double kUsADay = 8.64e10;

struct StageWords {
  std::string_view zh, en;  // 「已…」 and "has been …"
};

StageWords words_of(Stage stage) {
  switch (stage) {
    case Stage::drafting: return {"填报中", "in drafting"};
    case Stage::queued: return {"待受理", "waiting for its review"};
    case Stage::review: return {"审核中", "in review"};
    case Stage::rework: return {"驳回后修改中", "in rework after a rejection"};
    case Stage::numbering: return {"待发放备案号", "waiting for its number"};
    default: return {"待公示", "waiting for its publication"};
  }
}

std::string days(double value) {
  return fmt::format("{:.6f}", value);
}
std::string probability(double value) {
  return fmt::format("{:.4f}", value);
}

struct Named {
  std::string_view name;
  double value;
};
std::array<Named, 5> quantiles(const EstimateDays& of) {
  return {{{"p10", of.p10}, {"p50", of.p50}, {"p80", of.p80}, {"p90", of.p90}, {"p95", of.p95}}};
}

Date date_after(TimestampUs from, double days_later) {
  return Date::of({from.value + static_cast<std::int64_t>(days_later * kUsADay)});
}

std::optional<std::string> attempts(const EstimateStratum& stratum) {
  if (stratum.attempt_to != 0) return std::to_string(stratum.attempt_from);
  if (stratum.attempt_from > 1) return std::to_string(stratum.attempt_from) + "+";
  return std::nullopt;
}

void write_stratum(JsonWriter& json, const EstimateStratum& stratum) {
  json.begin_object();
  json.key("type");
  stratum.type ? json.value(code_of(*stratum.type)) : json.value(nullptr);
  json.key("region");
  stratum.region.empty() ? json.value(nullptr) : json.value(stratum.region);
  json.key("role");
  stratum.role ? json.value(code_of(*stratum.role)) : json.value(nullptr);
  json.member("attempt", attempts(stratum));
  json.member("pooled", stratum.pooled());
  json.end_object();
}

std::string_view lack_code(NoEstimate::Lack lack) {
  switch (lack) {
    case NoEstimate::Lack::reviews: return "finished_reviews";
    case NoEstimate::Lack::batches: return "announcements";
    case NoEstimate::Lack::stage: break;
  }
  return "finished_visits";
}

void write_nulls(JsonWriter& json, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) json.member(name, nullptr);
}

void write_estimate(JsonWriter& json, const EstimateAnswer& answer, const Estimate& estimate) {
  json.key("days");
  if (estimate.days) {
    json.begin_object();
    for (const auto& [name, value] : quantiles(*estimate.days)) json.member_raw(name, days(value));
    json.end_object();
  } else {
    json.value(nullptr);
  }
  json.key("dates");
  if (estimate.days) {
    json.begin_object();
    for (const auto& [name, value] : quantiles(*estimate.days))
      json.member(name, date_after(answer.moment.at, value).text());
    json.end_object();
  } else {
    json.value(nullptr);
  }
  json.member_raw("rejection_probability", probability(estimate.rejection_probability));
  json.member_raw("never_probability", probability(estimate.never_probability));
  json.member("rejected_once_more", answer.rejected_once_more);
  json.member("samples", estimate.basis.front().finished);
  json.key("stratum");
  write_stratum(json, estimate.basis.front().stratum);
  json.key("stages").begin_array();
  for (const replay::StageBasis& basis : estimate.basis) {
    json.begin_object();
    json.member("stage", projections::code_of(basis.stage)).member("attempt", basis.attempt);
    json.member("samples", basis.finished).member("open", basis.visits - basis.finished).key("stratum");
    write_stratum(json, basis.stratum);
    json.end_object();
  }
  json.end_array();
  json.member("announcements", estimate.batches);
}

void write_lack(JsonWriter& json, const EstimateAnswer& answer, const NoEstimate& lacking) {
  write_nulls(json, {"days", "dates", "rejection_probability", "never_probability"});
  json.member("rejected_once_more", answer.rejected_once_more);
  json.member("samples",
              lacking.lack == NoEstimate::Lack::reviews ? lacking.found : std::optional<std::size_t>(0));
  json.member("stratum", nullptr);
  json.key("lack").begin_object();
  json.member("what", lack_code(lacking.lack));
  if (lacking.lack == NoEstimate::Lack::stage) json.member("stage", projections::code_of(lacking.stage));
  json.member("found", lacking.found).member("needed", lacking.needed).end_object();
  json.key("statutory").begin_object().member("working_days_per_review", kStatutoryWorkingDays).end_object();
}

std::string_view ended_word_zh(StageOutcome outcome) {
  switch (outcome) {
    case StageOutcome::published: return "公示";
    case StageOutcome::discarded: return "删除草稿";
    case StageOutcome::cancelled: return "注销";
    case StageOutcome::revoked: return "撤销备案";
    default: return "结束";
  }
}

/// Who is meant by "comparable".
EstimateSentence stratum_words(const EstimateStratum& stratum) {
  if (stratum.pooled()) {
    return {"该环节全部备案合并统计（更细分组不足 30 件）",
            "all filings of this stage pooled, since closer groups have fewer than 30"};
  }
  EstimateSentence words;
  const auto add = [&](std::string_view zh, std::string_view en) {
    if (!words.zh.empty()) words.zh += "、";
    if (!words.en.empty()) words.en += ", ";
    words.zh += zh;
    words.en += en;
  };
  if (stratum.type) {
    const std::string_view code = code_of(*stratum.type);
    const auto* entry = schema::find_code(schema::algorithm_types(), code);
    add(entry != nullptr ? std::string_view(entry->zh) : code, code);
  }
  if (!stratum.region.empty()) {
    add("地区 " + stratum.region, "region " + stratum.region);
  }
  if (stratum.role) {
    const std::string_view code = code_of(*stratum.role);
    const auto* entry = schema::find_code(schema::algorithm_roles(), code);
    add(entry != nullptr ? std::string_view(entry->zh) : code, code);
  }
  if (const auto which = attempts(stratum)) {
    const bool more = which->ends_with('+');
    const std::string number = more ? which->substr(0, which->size() - 1) : *which;
    add("第 " + number + (more ? " 次及以后提交" : " 次提交"),
        "attempt " + number + (more ? " or later" : ""));
  }
  return words;
}

EstimateSentence subject_words(const EstimateAnswer& answer) {
  const StageWords stage = words_of(answer.of.stage);
  const double elapsed = static_cast<double>(answer.moment.at.value - answer.of.entered_at.value) / kUsADay;
  const auto whole = static_cast<std::int64_t>(std::max(0.0, elapsed));
  if (!answer.filing) {
    return {fmt::format("一份今天进入“{}”环节的备案", stage.zh),
            fmt::format("A filing that is {} as of today", stage.en)};
  }
  return {fmt::format("这份备案{}已 {} 天", stage.zh, whole),
          fmt::format("This filing has been {} for {} day{}", stage.en, whole, whole == 1 ? "" : "s")};
}

EstimateSentence ended_sentence(const EstimateAnswer& answer) {
  const EstimateAnswer::Ended& ended = *answer.ended;
  if (!ended.outcome) {
    return {
        "这份备案来自历史清单，早已公示，无需估计。",
        "This filing was imported from an official list: it is published, and nothing is left to estimate."};
  }
  const std::string on = Date::of(*ended.at).text();
  return {fmt::format("这份备案已于 {} {}，无需估计。", on, ended_word_zh(*ended.outcome)),
          fmt::format("This filing was {} on {}: nothing is left to estimate.", code_of(*ended.outcome), on)};
}

}  // namespace

EstimateSentence lacking_sentence(const NoEstimate& lacking) {
  std::string_view zh = "已办结审核";
  std::string en = "finished reviews";
  std::string_view unit = "件";
  if (lacking.lack == NoEstimate::Lack::batches) {
    zh = "公示批次";
    en = "announcement batches";
    unit = "批";
  } else if (lacking.lack == NoEstimate::Lack::stage) {
    zh = words_of(lacking.stage).zh;
    en = fmt::format("finished visits of the stage {}", projections::code_of(lacking.stage));
  }
  const std::string found_zh =
      lacking.found ? std::to_string(*lacking.found) : fmt::format("少于 {}", lacking.needed);
  const std::string found_en =
      lacking.found ? std::to_string(*lacking.found) : fmt::format("fewer than {}", lacking.needed);
  return {fmt::format("历史数据不足：{} {} {}，至少需要 {} {}；仅给出法定期限：每次审核 {} 个工作日。", zh,
                      found_zh, unit, lacking.needed, unit, kStatutoryWorkingDays),
          fmt::format("Not enough history: {} {}, {} needed; statutory limit given instead: {} working days "
                      "for each review.",
                      found_en, en, lacking.needed, kStatutoryWorkingDays)};
}

EstimateSentence estimate_sentence(const EstimateAnswer& answer) {
  if (answer.ended) return ended_sentence(answer);
  if (!answer.estimate) return lacking_sentence(answer.estimate.error());
  const Estimate& estimate = *answer.estimate;
  const EstimateSentence subject = subject_words(answer);
  const EstimateSentence stratum = stratum_words(estimate.basis.front().stratum);
  const std::size_t samples = estimate.basis.front().finished;
  const EstimateSentence basis = {
      fmt::format("依据本环节 {} 次已办结的同类（{}）。", samples, stratum.zh),
      fmt::format("Based on {} finished visits of this stage ({}).", samples, stratum.en)};
  if (!estimate.days) {
    return {fmt::format("{}；同类备案停留这么久后几乎都没有再走到公示。{}", subject.zh, basis.zh),
            fmt::format("{}. Hardly any comparable filing that rested this long was ever published. {}",
                        subject.en, basis.en)};
  }
  const std::string half = date_after(answer.moment.at, estimate.days->p50).text();
  const std::string most = date_after(answer.moment.at, estimate.days->p90).text();
  EstimateSentence sentence;
  sentence.zh = answer.rejected_once_more ? "假如再被驳回一次：" : "";
  sentence.en = answer.rejected_once_more ? "If it is rejected once more: " : "";
  sentence.zh += fmt::format("{}；一半的同类在 {} 前公示，九成在 {} 前公示", subject.zh, half, most);
  sentence.en += fmt::format("{}. Half of comparable filings are published by {}, nine in ten by {}",
                             subject.en, half, most);
  if (!answer.rejected_once_more && replay::decision_ahead(answer.of.stage)) {
    sentence.zh += fmt::format("；其间被驳回的可能性约 {:.0f} %", 100 * estimate.rejection_probability);
    sentence.en +=
        fmt::format("; about {:.0f} % are rejected on the way", 100 * estimate.rejection_probability);
  }
  if (estimate.never_probability >= 0.005) {
    sentence.zh +=
        fmt::format("；约 {:.0f} % 最终不会公示，不计入以上日期", 100 * estimate.never_probability);
    sentence.en += fmt::format("; about {:.0f} % are never published and do not count in these dates",
                               100 * estimate.never_probability);
  }
  sentence.zh += "。" + basis.zh;
  sentence.en += ". " + basis.en;
  return sentence;
}

void make_public(EstimateAnswer& answer) {
  if (!answer.estimate) {
    NoEstimate& lacking = answer.estimate.error();
    if (lacking.lack == NoEstimate::Lack::stage) {
      lacking.found.reset();
      lacking.needed = replay::kStratumMin;
    }
    return;
  }
  for (const replay::StageBasis& basis : answer.estimate->basis) {
    if (basis.finished >= replay::kStratumMin) continue;
    answer.estimate =
        std::unexpected(NoEstimate{NoEstimate::Lack::stage, basis.stage, std::nullopt, replay::kStratumMin});
    return;
  }
}

std::string render_estimate(const EstimateAnswer& answer) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  if (answer.filing) json.member("id", answer.filing->text());
  json.member("status", answer.ended ? "ended" : answer.estimate ? "estimated" : "not_enough_history");
  if (answer.ended) {
    json.member("stage", nullptr);
    json.member("outcome",
                answer.ended->outcome ? projections::code_of(*answer.ended->outcome) : "published");
    json.key("ended_at");
    answer.ended->at ? json.value(answer.ended->at->text()) : json.value(nullptr);
    write_nulls(json, {"elapsed_days", "days", "dates", "rejection_probability", "never_probability"});
    json.member("samples", 0).member("stratum", nullptr);
  } else {
    json.member("stage", projections::code_of(answer.of.stage)).member("attempt", answer.of.attempt);
    if (!answer.filing) {
      json.key("type");
      answer.of.type ? json.value(code_of(*answer.of.type)) : json.value(nullptr);
      json.key("role");
      answer.of.role ? json.value(code_of(*answer.of.role)) : json.value(nullptr);
      const std::string_view region(answer.of.region.data(), answer.of.region.size());
      const std::string_view known = region.substr(0, region.find('\0'));
      json.key("region");
      known.empty() ? json.value(nullptr) : json.value(known);
    }
    json.member_raw("elapsed_days",
                    days(static_cast<double>(answer.moment.at.value - answer.of.entered_at.value) / kUsADay));
    if (answer.estimate) {
      write_estimate(json, answer, *answer.estimate);
    } else {
      write_lack(json, answer, answer.estimate.error());
    }
  }
  const EstimateSentence sentence = estimate_sentence(answer);
  json.key("sentence").begin_object().member("zh", sentence.zh).member("en", sentence.en).end_object();
  json.member("as_of", answer.moment.at.text());
  json.member("statistics_position", answer.statistics_position);
  json.member("position", answer.moment.position);
  json.end_object();
  return text;
}

std::string describe_estimate(const EstimateAnswer& answer) {
  const EstimateSentence sentence = estimate_sentence(answer);
  std::string text = sentence.zh + "\n" + sentence.en + "\n";
  if (answer.ended || !answer.estimate) return text;
  const Estimate& estimate = *answer.estimate;
  if (estimate.days) {
    text += "\n  quantile        days  date\n";
    for (const auto& [name, value] : quantiles(*estimate.days))
      text += fmt::format("  {:<8} {:>11.1f}  {}\n", name, value, date_after(answer.moment.at, value).text());
  }
  text += "\n  stage        attempt  finished    open  comparable\n";
  for (const replay::StageBasis& basis : estimate.basis) {
    text += fmt::format("  {:<12} {:>7}  {:>8}  {:>6}  {}\n", projections::code_of(basis.stage),
                        basis.attempt, basis.finished, basis.visits - basis.finished,
                        basis.stratum.pooled() ? "pooled" : stratum_words(basis.stratum).en);
  }
  text += fmt::format("\n  {} announcement batches; as of position {}, {}\n", estimate.batches,
                      answer.moment.position, answer.moment.at.text());
  return text;
}

}  // namespace ledger::server
