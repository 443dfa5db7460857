#include "projections/filings.hpp"

#include <catch2/catch.hpp>

#include "tests/support/folded_views.hpp"

using namespace ledger;
using namespace ledger::test;
using ledger::projections::FilingFilter;
using ledger::projections::ListFault;

namespace {

const Uuid kSubject = id_of(1, 5);
const Uuid kOther = id_of(2, 5);

/// The numbers of the filings that a filter lists, page by page of `limit`.
std::vector<std::uint64_t> listed(FoldedViews& ledger, const FilingFilter& filter, std::size_t limit = 100) {
  std::vector<std::uint64_t> numbers;
  std::optional<std::string> cursor;
  do {
    auto page = ledger.models.filings.list(ledger.views(), ledger.lookup, filter, cursor, limit);
    REQUIRE(page);
    REQUIRE(page->items.size() <= limit);
    for (const FilingState& filing : page->items) {
      numbers.push_back(get_be<std::uint64_t>(filing.id.bytes.data()));
    }
    cursor = page->next_cursor;
  } while (cursor);
  return numbers;
}

using Numbers = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("only filings that were submitted once are listed for others") {
  FoldedViews ledger;
  ledger.append(filing_stream(id_of(1)), draft_saved(kSubject));
  ledger.append(filing_stream(id_of(2)), draft_saved(kSubject));
  ledger.append(filing_stream(id_of(2)), submitted(1));
  ledger.append(filing_stream(id_of(3)), draft_saved(kOther));
  ledger.append(filing_stream(id_of(3)), submitted(1));
  ledger.append(filing_stream(id_of(3)), FilingWithdrawn{1});
  ledger.append(filing_stream(id_of(4)), draft_saved(kSubject));
  ledger.append(filing_stream(id_of(4)), DraftDiscarded{});

  REQUIRE(listed(ledger, {}) == Numbers{2, 3});
  REQUIRE(listed(ledger, {.state = FilingStatus::draft}) == Numbers{3});
  REQUIRE(listed(ledger, {.state = FilingStatus::discarded}).empty());
  REQUIRE(listed(ledger, {.subject_id = kSubject}) == Numbers{2});
  // Undisclosed ones are never listed across subjects, whoever asks.
  REQUIRE(listed(ledger, {.with_undisclosed = true}) == Numbers{2, 3});
}

TEST_CASE("a filer sees all own filings, and the drafts among them as the draft box") {
  FoldedViews ledger;
  for (std::uint64_t i = 1; i <= 4; ++i) ledger.append(filing_stream(id_of(i)), draft_saved(kSubject));
  ledger.append(filing_stream(id_of(5)), draft_saved(kOther));
  ledger.append(filing_stream(id_of(2)), submitted(1));
  ledger.append(filing_stream(id_of(3)), DraftDiscarded{});
  REQUIRE(listed(ledger, {.subject_id = kSubject, .with_undisclosed = true}) == Numbers{1, 2, 3, 4});
  REQUIRE(listed(ledger, {.state = FilingStatus::draft, .subject_id = kSubject, .with_undisclosed = true}) ==
          Numbers{1, 4});
  REQUIRE(listed(ledger, {.subject_id = id_of(77), .with_undisclosed = true}).empty());
}

TEST_CASE("a filing is listed under its present state only") {
  FoldedViews ledger;
  const StreamId stream = filing_stream(id_of(1));
  const auto states = [&] {
    std::vector<FilingStatus> found;
    for (unsigned i = 1; i <= 10; ++i) {
      const auto status = static_cast<FilingStatus>(i);
      if (!listed(ledger, {.state = status}).empty()) found.push_back(status);
    }
    return found;
  };
  using Statuses = std::vector<FilingStatus>;
  ledger.append(stream, draft_saved(kSubject));
  REQUIRE(states().empty());
  ledger.append(stream, submitted(1));
  REQUIRE(states() == Statuses{FilingStatus::submitted});
  ledger.append(stream, ReviewStarted{1}, Role::reviewer);
  REQUIRE(states() == Statuses{FilingStatus::in_review});
  ledger.append(stream, FilingRejected{1, {}}, Role::reviewer);
  REQUIRE(states() == Statuses{FilingStatus::rejected});
  ledger.append(stream, draft_saved(kSubject, 2));
  REQUIRE(states() == Statuses{FilingStatus::draft});
  ledger.append(stream, submitted(2));
  ledger.append(stream, ReviewStarted{2}, Role::reviewer);
  ledger.append(stream, FilingApproved{2, 5}, Role::reviewer);
  REQUIRE(states() == Statuses{FilingStatus::approved});
  ledger.append(stream, FilingRevoked{}, Role::supervisor);
  REQUIRE(states() == Statuses{FilingStatus::revoked});
  REQUIRE(ledger.dump() == ledger.rebuilt());
}

TEST_CASE("imported records are listed without a subject") {
  FoldedViews ledger;
  ledger.append(filing_stream(id_of(1)), imported(public_record("网信算备110101135224302220011号", "甲")),
                Role::operator_);
  REQUIRE(listed(ledger, {.state = FilingStatus::published}) == Numbers{1});
  REQUIRE(listed(ledger, {.subject_id = Uuid{}}).empty());
}

TEST_CASE("the algorithm type is that of the last submission") {
  FoldedViews ledger;
  for (std::uint64_t i = 1; i <= 9; ++i) {
    ledger.append(filing_stream(id_of(i)), draft_saved(kSubject));
    ledger.append(filing_stream(id_of(i)), submitted(1, "算法", static_cast<AlgorithmType>(1 + i % 3)));
  }
  REQUIRE(listed(ledger, {.algorithm_type = AlgorithmType::generation_synthesis}) == Numbers{3, 6, 9});
  REQUIRE(listed(ledger, {.algorithm_type = AlgorithmType::dispatch_decision}).empty());
  REQUIRE(listed(ledger, {.algorithm_type = AlgorithmType::personalized_push}, 2) == Numbers{1, 4, 7});
}

TEST_CASE("pages neither skip nor repeat a filing that changes its state between them") {
  FoldedViews ledger;
  for (std::uint64_t i = 1; i <= 10; ++i) {
    ledger.append(filing_stream(id_of(i)), draft_saved(kSubject));
    ledger.append(filing_stream(id_of(i)), submitted(1));
  }
  const auto& filings = ledger.models.filings;
  const auto first = filings.list(ledger.views(), ledger.lookup, {}, std::nullopt, 4);
  REQUIRE(first->items.size() == 4);
  REQUIRE(first->next_cursor);
  ledger.append(filing_stream(id_of(2)), ReviewStarted{1}, Role::reviewer);
  ledger.append(filing_stream(id_of(7)), ReviewStarted{1}, Role::reviewer);
  ledger.append(filing_stream(id_of(11)), draft_saved(kSubject));
  ledger.append(filing_stream(id_of(11)), submitted(1));
  const auto second = filings.list(ledger.views(), ledger.lookup, {}, first->next_cursor, 4);
  REQUIRE(second->items.front().id == id_of(5));
  REQUIRE(second->items.back().id == id_of(8));
  const auto third = filings.list(ledger.views(), ledger.lookup, {}, second->next_cursor, 4);
  REQUIRE(third->items.size() == 3);
  REQUIRE(third->items.back().id == id_of(11));
  REQUIRE_FALSE(third->next_cursor);
}

TEST_CASE("a page that ends exactly with the list has no next one") {
  FoldedViews ledger;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    ledger.append(filing_stream(id_of(i)), draft_saved(kSubject));
    ledger.append(filing_stream(id_of(i)), submitted(1));
  }
  const auto page = ledger.models.filings.list(ledger.views(), ledger.lookup, {}, std::nullopt, 4);
  REQUIRE(page->items.size() == 4);
  REQUIRE_FALSE(page->next_cursor);
}

TEST_CASE("a cursor that no list gave is refused") {
  FoldedViews ledger;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    ledger.append(filing_stream(id_of(i)), draft_saved(kSubject));
    ledger.append(filing_stream(id_of(i)), submitted(1));
  }
  const auto& models = ledger.models;
  const std::string good =
      *models.filings.list(ledger.views(), ledger.lookup, {}, std::nullopt, 1)->next_cursor;
  const std::string of_queue =
      *models.review_queue.list(ledger.views(), projections::QueueStage::review, std::nullopt, 1)
           ->next_cursor;
  std::vector<std::string> bad = {
      "", "x", "0", good + "A", good + "=", good.substr(1), of_queue, std::string(5000, 'A')};
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string tampered = good;
    tampered[i] = tampered[i] == 'A' ? 'B' : 'A';
    bad.push_back(tampered);
  }
  for (const std::string& cursor : bad) {
    const auto page = models.filings.list(ledger.views(), ledger.lookup, {}, cursor, 10);
    INFO(cursor);
    REQUIRE_FALSE(page);
    REQUIRE(page.error() == ListFault::bad_cursor);
  }
  REQUIRE(models.filings.list(ledger.views(), ledger.lookup, {}, good, 10)->items.size() == 2);
}

TEST_CASE("no private value stands in any row") {
  FoldedViews ledger;
  publish(ledger, id_of(1), kSubject, public_record("演示备110108000000102260012号", "甲"));
  SubjectRegistered registered;
  registered.contact.name = Private::of(std::string("SECRET name"));
  ledger.append(subject_stream(kSubject), registered, Role::public_);
  const auto rows = ledger.dump();
  REQUIRE(rows.size() >= 5);
  for (const auto& [key, value] : rows) {
    REQUIRE(key.second.find("SECRET") == std::string::npos);
    REQUIRE(value.find("SECRET") == std::string::npos);
  }
}
