#include "projections/announcement_format.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "replay/csv.hpp"
#include "tests/support/folded_views.hpp"

using namespace ledger;
using namespace ledger::test;
using ledger::projections::AnnouncementPage;
using ledger::projections::FeedFacts;
using ledger::projections::JsonWriter;
using ledger::projections::ListFormat;

namespace {

const std::string kHard = "逗号,引号\"换行\n回车\r\\反斜<b>&amp;\t=1+1 \x01 \uFFFF]]>";

/// A body, chunk by chunk, each from a snapshot of its own; `between` runs after each chunk.
std::string body(FoldedViews& ledger, ListFormat format, std::size_t limit, std::size_t* chunks = nullptr,
                 const std::function<void()>& between = {}) {
  const auto& model = ledger.models.announcements;
  AnnouncementPage page(
      model, format, model.find(ledger.views(), {}, std::nullopt, limit).value(), ledger.position(),
      model.last_change(ledger.views()),
      FeedFacts{id_of(42), "ledger.example/filings", "https://h/v1/announcements?limit=2&query=a",
                "https://h/v1/announcements?limit=2&cursor=", "https://h/v1/events/"});
  std::string all;
  while (auto chunk = page.next_chunk(ledger.views())) {
    all += *chunk;
    if (chunks != nullptr) ++*chunks;
    if (between) between();
  }
  REQUIRE_FALSE(page.next_chunk(ledger.views()));
  return all;
}

void import(FoldedViews& ledger, std::uint64_t filing, const std::string& name) {
  PublicRecord record = public_record("演示备110108000000102260012号", name);
  record.purpose = kHard;
  ledger.append(filing_stream(id_of(filing)), imported(record), Role::operator_);
}

/// Whether every tag that opens also closes, in order: what an XML reader asks first.
bool balanced(std::string_view xml) {
  std::vector<std::string> open;
  while (true) {
    const std::size_t begin = xml.find('<');
    if (begin == std::string_view::npos) return open.empty();
    const std::size_t end = xml.find('>', begin);
    if (end == std::string_view::npos) return false;
    const std::string_view tag = xml.substr(begin + 1, end - begin - 1);
    xml.remove_prefix(end + 1);
    if (tag.starts_with('?') || tag.ends_with('/')) continue;
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
    } else {
      open.emplace_back(tag.substr(0, tag.find(' ')));
    }
  }
}

}  // namespace

TEST_CASE("a page as JSON has the members of the contract") {
  FoldedViews ledger;
  for (std::uint64_t i = 1; i <= 3; ++i) import(ledger, i, "甲" + std::to_string(i));
  const auto json = boost::json::parse(body(ledger, ListFormat::json, 2)).as_object();
  REQUIRE(json.at("position").as_int64() == 2);
  REQUIRE(json.at("next_cursor").is_string());
  REQUIRE(json.at("items").as_array().size() == 2);
  const auto& item = json.at("items").as_array()[0].as_object();
  REQUIRE(item.at("number") == "演示备110108000000102260012号");
  REQUIRE(item.at("algorithm_name") == "甲3");
  REQUIRE(item.at("type") == "personalized_push");
  REQUIRE(item.at("role") == "provider");
  REQUIRE(item.at("organization_name") == "示例科技有限公司");
  REQUIRE(item.at("products") == "示例（APP）");
  REQUIRE(item.at("purpose") == kHard.c_str());
  REQUIRE(item.at("series") == "algorithm");
  REQUIRE(item.at("batch") == 1);
  REQUIRE(item.at("announced_on") == "2024-10-04");
  REQUIRE(item.at("status") == "published");
  REQUIRE(item.at("remark") == "");
  REQUIRE(item.at("position") == 2);
  REQUIRE(item.at("filing_id") == id_of(3).text().c_str());
  REQUIRE(item.at("region") == "110108");
  REQUIRE(item.size() == 15);
}

TEST_CASE("an empty list and absent values are JSON too") {
  FoldedViews ledger;
  ledger.append(filing_stream(id_of(1)), draft_saved(id_of(1, 5)));
  const auto empty = boost::json::parse(body(ledger, ListFormat::json, 10)).as_object();
  REQUIRE(empty.at("items").as_array().empty());
  REQUIRE(empty.at("next_cursor").is_null());
  ledger.append(filing_stream(id_of(2)), imported(PublicRecord{}), Role::operator_);
  const auto json = boost::json::parse(body(ledger, ListFormat::json, 10)).as_object();
  const auto& item = json.at("items").as_array()[0].as_object();
  for (const char* name : {"type", "role", "series", "batch", "announced_on", "region"}) {
    REQUIRE(item.at(name).is_null());
  }
}

TEST_CASE("a page as CSV reads back field by field") {
  FoldedViews ledger;
  for (std::uint64_t i = 1; i <= 2; ++i) import(ledger, i, "=甲" + std::to_string(i));
  const std::string csv = body(ledger, ListFormat::csv, 10);
  auto reader = replay::CsvReader::open(csv);
  REQUIRE(reader);
  REQUIRE(reader->header().size() == 15);
  const auto row = reader->next();
  REQUIRE(row);
  REQUIRE(*row);
  REQUIRE((*row)->fields[*reader->column("algorithm_name")] == "=甲2");
  REQUIRE((*row)->fields[*reader->column("purpose")] == kHard);
  REQUIRE((*row)->fields[*reader->column("announced_on")] == "2024-10-04");
  REQUIRE((*row)->fields[*reader->column("filing_id")] == id_of(2).text());
  REQUIRE((*row)->fields[*reader->column("position")] == "1");
  REQUIRE(*reader->next());
  REQUIRE_FALSE(*reader->next());
}

TEST_CASE("a page as Atom is a feed with an entry per item") {
  FoldedViews ledger;
  for (std::uint64_t i = 1; i <= 3; ++i) import(ledger, i, "<甲&" + std::to_string(i) + ">");
  const std::string atom = body(ledger, ListFormat::atom, 2);
  REQUIRE(balanced(atom));
  REQUIRE(atom.starts_with(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\""));
  REQUIRE(atom.find("<id>urn:uuid:" + id_of(42).text() + "</id>") != std::string::npos);
  REQUIRE(atom.find("<updated>" + ledger.now().text() + "</updated>") != std::string::npos);
  REQUIRE(atom.find("<title>&lt;甲&amp;3&gt;</title>") != std::string::npos);
  REQUIRE(atom.find("<id>urn:uuid:" + ledger.history[2].header.event_id.text() + "</id>") !=
          std::string::npos);
  REQUIRE(atom.find("rel=\"self\" href=\"https://h/v1/announcements?limit=2&amp;query=a\"") !=
          std::string::npos);
  REQUIRE(atom.find("rel=\"next\" href=\"https://h/v1/announcements?limit=2&amp;cursor=") !=
          std::string::npos);
  REQUIRE(atom.find("rel=\"alternate\" href=\"https://h/v1/events/2\"") != std::string::npos);
  REQUIRE(atom.find('\x01') == std::string::npos);
  REQUIRE(atom.find("\uFFFF") == std::string::npos);
  REQUIRE(atom.find("]]&gt;") != std::string::npos);
  std::size_t entries = 0;
  for (std::size_t at = 0; (at = atom.find("<entry>", at)) != std::string::npos; ++at) ++entries;
  REQUIRE(entries == 2);
}

TEST_CASE("a long page comes in chunks and stays one document while the ledger goes on") {
  FoldedViews ledger;
  std::vector<std::pair<StreamId, Payload>> events;
  for (std::uint64_t i = 1; i <= 1500; ++i) {
    events.emplace_back(filing_stream(id_of(i)),
                        imported(public_record("演示备110108000000102260012号", std::to_string(i))));
  }
  ledger.append_all(std::move(events), Role::operator_);
  std::size_t chunks = 0;
  std::uint64_t next = 2000;
  const auto json = boost::json::parse(body(ledger, ListFormat::json, 1000, &chunks, [&] {
                      import(ledger, next++, "新");
                    })).as_object();
  REQUIRE(chunks > 3);
  REQUIRE(json.at("position").as_int64() == 1499);
  const auto& items = json.at("items").as_array();
  REQUIRE(items.size() == 1000);
  for (std::size_t i = 0; i < items.size(); ++i) {
    REQUIRE(items[i].as_object().at("algorithm_name") == std::to_string(1500 - i).c_str());
  }
}

TEST_CASE("the JSON writer escapes what it must and places commas itself") {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.member("text", kHard).member("\"key\"", "x").member("int", -5).member("big", UINT64_MAX);
  json.member("yes", true).member("none", std::optional<int>{}).member("some", std::optional<int>{7});
  json.key("list")
      .begin_array()
      .value("a")
      .value(nullptr)
      .begin_array()
      .end_array()
      .begin_object()
      .end_object();
  json.end_array().member_raw("raw", "[1,2]").member("small", std::uint8_t{255});
  json.end_object();
  const auto read = boost::json::parse(out).as_object();
  REQUIRE(read.at("text") == kHard.c_str());
  REQUIRE(read.at("\"key\"") == "x");
  REQUIRE(read.at("int") == -5);
  REQUIRE(read.at("big").as_uint64() == UINT64_MAX);
  REQUIRE(read.at("yes") == true);
  REQUIRE(read.at("none").is_null());
  REQUIRE(read.at("some") == 7);
  REQUIRE(read.at("list").as_array().size() == 4);
  REQUIRE(read.at("raw").as_array().size() == 2);
  REQUIRE(read.at("small") == 255);
  REQUIRE(out.find('\n') == std::string::npos);
  std::string controls;
  for (char c = 0; c < 0x20; ++c) controls += c;
  std::string quoted;
  append_json_string(quoted, controls);
  REQUIRE(boost::json::parse(quoted) == boost::json::string_view(controls));
}
