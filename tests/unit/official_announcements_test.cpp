// The 35 official lists as imported records: what the public list and the number lookup make of real data.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include <catch2/catch.hpp>

#include "projections/announcement_format.hpp"
#include "projections/case_folding.hpp"
#include "replay/csv.hpp"
#include "schema/codes.hpp"
#include "tests/support/folded_views.hpp"

using namespace ledger;
using namespace ledger::test;
using ledger::projections::Announcement;
using ledger::projections::AnnouncementFilter;

namespace {

const std::filesystem::path kFolder = std::filesystem::path(LEDGER_SHARED_DIR) / "data" / "announcements";

bool data_there() {
  if (std::filesystem::exists(kFolder / "filings.csv")) return true;
  std::cerr << "SKIPPED: no official lists at " << kFolder << "; nothing was tested here\n";
  return false;
}

std::vector<std::map<std::string, std::string>> rows_of(const char* file) {
  std::ifstream in(kFolder / file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  auto reader = replay::CsvReader::open(text);
  REQUIRE(reader);
  std::vector<std::map<std::string, std::string>> rows;
  while (true) {
    const auto row = reader->next();
    REQUIRE(row);
    if (!*row) return rows;
    auto& values = rows.emplace_back();
    for (std::size_t i = 0; i < reader->header().size(); ++i) values[reader->header()[i]] = (*row)->fields[i];
  }
}

/// The lists, folded once for all test cases.
struct Official {
  FoldedViews ledger;
  std::vector<PublicRecord> records;
  std::map<std::string, Uuid> filings;
  std::size_t cancelled = 0;

  Official() {
    std::vector<std::pair<StreamId, Payload>> events;
    for (auto& row : rows_of("filings.csv")) {
      PublicRecord record;
      const bool deep = row["list"] == "deep";
      record.number = row["filing_number"];
      record.algorithm_name = row["algorithm_name"];
      record.organization_name = row["subject_name"];
      record.products = row["products"];
      record.purpose = row["purpose"];
      record.remark = row["remark"];
      record.series = deep ? Series::deep_synthesis : Series::algorithm;
      record.batch = static_cast<std::uint32_t>(std::stoul(row["batch_no"]));
      record.announced_on = Date::parse(row["announced_on"]);
      record.status = "published";
      const auto digits = parse_filing_number(record.number).value().digits;
      record.type = from_number<AlgorithmType>(static_cast<unsigned>(std::stoul(digits.substr(13, 2))));
      if (const auto* role = schema::find_list_name(schema::algorithm_roles(), row["type_or_role"])) {
        record.role = from_number<AlgorithmRole>(role->number);
      }
      const auto [at, is_new] = filings.try_emplace(record.number, id_of(filings.size() + 1));
      events.emplace_back(filing_stream(at->second), imported(record));
      records.push_back(std::move(record));
    }
    ledger.append_all(std::move(events), Role::operator_);
    std::vector<std::pair<StreamId, Payload>> ends;
    for (auto& row : rows_of("cancellations.csv")) {
      FilingCancelled end;
      const auto found = filings.find(row["filing_number"]);
      REQUIRE(found != filings.end());
      end.public_record = ledger.lookup.filing(found->second)->public_record;
      end.public_record->status = "cancelled";
      ends.emplace_back(filing_stream(found->second), std::move(end));
      ++cancelled;
    }
    ledger.append_all(std::move(ends), Role::operator_);
  }

  std::vector<Announcement> listed(const AnnouncementFilter& filter, std::size_t limit) {
    std::vector<Announcement> items;
    std::optional<std::string> cursor;
    do {
      auto page = ledger.models.announcements.list(ledger.views(), filter, cursor, limit);
      REQUIRE(page);
      items.insert(items.end(), page->items.begin(), page->items.end());
      cursor = page->next_cursor;
    } while (cursor);
    return items;
  }
};

Official& official() {
  static Official data;
  return data;
}

/// What the filter means, said another way.
bool expected_in(const AnnouncementFilter& filter, const PublicRecord& record) {
  const std::string needle = projections::fold_case(filter.query);
  const auto holds = [&](const std::string& text) {
    return projections::fold_case(text).find(needle) != std::string::npos;
  };
  return (holds(record.algorithm_name) || holds(record.organization_name) || holds(record.products) ||
          holds(record.purpose) || holds(record.number)) &&
         (!filter.type || record.type == filter.type) && (!filter.role || record.role == filter.role) &&
         (!filter.batch || record.batch == filter.batch) &&
         (!filter.series || record.series == filter.series) &&
         parse_filing_number(record.number)->digits.starts_with(filter.region);
}

}  // namespace

TEST_CASE("every row of the official lists is an item, in its order, with its own text") {
  if (!data_there()) return;
  const auto items = official().listed({}, 1000);
  const auto& records = official().records;
  REQUIRE(items.size() == 7997);
  REQUIRE(official().ledger.models.announcements.count(official().ledger.views()) == 7997);
  std::size_t cancelled = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    PublicRecord shown = items[i].record;
    if (shown.status == "cancelled") ++cancelled;
    shown.status = "published";
    REQUIRE(shown == records[records.size() - 1 - i]);
    REQUIRE(items[i].region == parse_filing_number(shown.number)->digits.substr(0, 6));
  }
  REQUIRE(official().cancelled == 57);
  REQUIRE(cancelled == 57);
}

TEST_CASE("filters and Chinese searches over the official lists find what a plain reading finds") {
  if (!data_there()) return;
  const std::vector<AnnouncementFilter> filters = {
      {.query = "推荐"},
      {.query = "大模型"},
      {.query = "ai"},
      {.query = "（APP）"},
      {.query = "科技有限公司"},
      {.query = "网信算备110"},
      {.query = "不存在的词语"},
      {.query = "gpt", .series = Series::deep_synthesis},
      {.type = AlgorithmType::generation_synthesis},
      {.type = AlgorithmType::dispatch_decision, .region = "11"},
      {.role = AlgorithmRole::technical_supporter, .batch = 5},
      {.region = "4403", .series = Series::algorithm},
      {.query = "视频", .type = AlgorithmType::generation_synthesis, .region = "440305"},
  };
  for (const AnnouncementFilter& filter : filters) {
    std::vector<PublicRecord> expected;
    for (const PublicRecord& record : official().records) {
      if (expected_in(filter, record)) expected.push_back(record);
    }
    std::ranges::reverse(expected);
    for (const std::size_t limit : {77, 1000}) {
      const auto items = official().listed(filter, limit);
      INFO(filter.query << ' ' << filter.region << ' ' << limit);
      REQUIRE(items.size() == expected.size());
      for (std::size_t i = 0; i < items.size(); ++i) REQUIRE(items[i].record.number == expected[i].number);
    }
  }
  REQUIRE(official().listed({.query = "推荐"}, 1000).size() > 300);
}

TEST_CASE("the two misprinted official numbers are found and the intended ones suggested") {
  if (!data_there()) return;
  auto& ledger = official().ledger;
  const auto look_up = [&](std::string_view text) {
    return ledger.models.numbers.look_up(ledger.views(), ledger.models.announcements, text);
  };
  const auto longer = look_up("网信算备1101082242366066220017号");
  REQUIRE(longer.record);
  REQUIRE(longer.anomalies.size() == 1);
  REQUIRE(longer.anomalies[0].fault == NumberFault::length);
  REQUIRE(longer.anomalies[0].suggestions.front() == "110108224236606220017");
  const auto wrong = look_up("440305295988702220055");
  REQUIRE(wrong.record);
  REQUIRE(wrong.anomalies.size() == 1);
  REQUIRE(wrong.anomalies[0].fault == NumberFault::check_digit);
  REQUIRE(wrong.anomalies[0].suggestions.front() == "440305295988702220057");
  REQUIRE_FALSE(look_up("440305295988702220057").record);
  REQUIRE(look_up("440305295988702220057").anomalies.empty());

  std::size_t without_anomaly = 0;
  for (const auto& [number, filing] : official().filings) {
    const auto answer = look_up(number);
    REQUIRE(answer.record);
    REQUIRE(answer.record->filing_id == filing);
    if (answer.anomalies.empty()) ++without_anomaly;
  }
  REQUIRE(official().filings.size() - without_anomaly == 6);  // the two, and four of region 406301
  const auto twice = look_up("330110807992101250019");
  REQUIRE(ledger.models.announcements.of_filing(ledger.views(), twice.record->filing_id).size() == 2);
}

TEST_CASE("the official lists survive being written as CSV") {
  if (!data_there()) return;
  auto& ledger = official().ledger;
  const auto& model = ledger.models.announcements;
  std::string csv;
  projections::AnnouncementPage page(model, projections::ListFormat::csv,
                                     model.find(ledger.views(), {}, std::nullopt, 100'000).value(),
                                     ledger.position(), model.last_change(ledger.views()));
  while (auto chunk = page.next_chunk(ledger.views())) csv += *chunk;
  auto reader = replay::CsvReader::open(csv);
  REQUIRE(reader);
  std::size_t at = official().records.size();
  while (true) {
    const auto row = reader->next();
    REQUIRE(row);
    if (!*row) break;
    REQUIRE((*row)->fields[0] == official().records[--at].number);
    REQUIRE((*row)->fields[6] == official().records[at].purpose);
  }
  REQUIRE(at == 0);
}

TEST_CASE("rows are the same whether folded in large transactions or into a map") {
  if (!data_there()) return;
  REQUIRE((official().ledger.dump() == official().ledger.rebuilt()));
}

// Hidden: prints how long one call takes; `official_announcements_test "[scan]"`.
TEST_CASE("scan speed", "[.][scan]") {
  if (!data_there()) return;
  auto& ledger = official().ledger;
  const auto& views = ledger.views();
  for (const char* query : {"", "不存在的词语", "推荐", "nothing at all", "a", "的"}) {
    double best = 1e9;
    std::size_t found = 0;
    for (int round = 0; round < 50; ++round) {
      const auto begin = std::chrono::steady_clock::now();
      // One more than there are: the call looks at every row.
      found = ledger.models.announcements.find(views, {.query = query}, std::nullopt, 8000)->items.size();
      const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
      best = std::min(best, took.count());
    }
    std::cout << "query '" << query << "': " << found << " of 7997 in " << best << " ms\n";
  }
}
