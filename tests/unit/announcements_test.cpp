#include "projections/announcements.hpp"

#include <set>

#include <catch2/catch.hpp>

#include "projections/case_folding.hpp"
#include "tests/support/folded_views.hpp"

using namespace ledger;
using namespace ledger::test;
using ledger::projections::Announcement;
using ledger::projections::AnnouncementCounts;
using ledger::projections::AnnouncementFilter;
using ledger::projections::fold_case;
using ledger::projections::folds_as_ascii;
using ledger::projections::region_prefix;

namespace {

const Uuid kSubject = id_of(1, 5);
const std::string kNumber = "演示备110108000000102260012号";

/// The names of what a filter lists, newest first, page by page of `limit`.
std::vector<std::string> names(FoldedViews& ledger, const AnnouncementFilter& filter,
                               std::size_t limit = 100) {
  std::vector<std::string> found;
  std::optional<std::string> cursor;
  do {
    auto page = ledger.models.announcements.list(ledger.views(), filter, cursor, limit);
    REQUIRE(page);
    REQUIRE(page->items.size() <= limit);
    for (const Announcement& item : page->items) found.push_back(item.record.algorithm_name);
    cursor = page->next_cursor;
  } while (cursor);
  return found;
}

std::vector<Announcement> all(FoldedViews& ledger) {
  return ledger.models.announcements.list(ledger.views(), {}, std::nullopt, 1000)->items;
}

void import(FoldedViews& ledger, std::uint64_t filing, const PublicRecord& record) {
  ledger.append(filing_stream(id_of(filing)), imported(record), Role::operator_);
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a publication is one item with the whole public record") {
  FoldedViews ledger;
  REQUIRE(all(ledger).empty());
  REQUIRE_FALSE(ledger.models.announcements.last_change(ledger.views()));
  PublicRecord record = public_record(kNumber, "示例推荐算法");
  record.remark = "备注";
  publish(ledger, id_of(1), kSubject, record);
  const auto items = all(ledger);
  REQUIRE(items.size() == 1);
  const Announcement& item = items[0];
  REQUIRE(item.record == record);
  REQUIRE(item.position == ledger.position());
  REQUIRE(item.updated_position == ledger.position());
  REQUIRE(item.filing_id == id_of(1));
  REQUIRE(item.event_id == ledger.history.back().header.event_id);
  REQUIRE(item.region == "110108");
  REQUIRE(item.announced_at == ledger.now());
  REQUIRE(ledger.models.announcements.at(ledger.views(), item.position) == item);
  REQUIRE_FALSE(ledger.models.announcements.at(ledger.views(), item.position - 1));
  REQUIRE(ledger.models.announcements.of_filing(ledger.views(), id_of(1)) == items);
  REQUIRE(ledger.models.announcements.of_filing(ledger.views(), id_of(2)).empty());
  REQUIRE(ledger.models.announcements.last_change(ledger.views())->position == ledger.position());
  REQUIRE(ledger.dump() == ledger.rebuilt());
}

TEST_CASE("absent parts of a record stay absent") {
  FoldedViews ledger;
  PublicRecord record;
  record.number = "无编号";
  record.status = "published";
  import(ledger, 1, record);
  const auto items = all(ledger);
  REQUIRE(items.at(0).record == record);
  REQUIRE(items.at(0).region.empty());
}

TEST_CASE("a number announced twice is two items, newest first") {
  FoldedViews ledger;
  PublicRecord first = public_record(kNumber, "甲");
  PublicRecord second = public_record(kNumber, "甲二");
  second.series = Series::deep_synthesis;
  second.batch = 3;
  import(ledger, 1, first);
  import(ledger, 2, public_record("网信算备110101135224302220011号", "乙"));
  import(ledger, 1, second);
  REQUIRE(names(ledger, {}) == Names{"甲二", "乙", "甲"});
  const auto items = ledger.models.announcements.of_filing(ledger.views(), id_of(1));
  REQUIRE(items.size() == 2);
  REQUIRE(items[0].record.batch == 3);
  REQUIRE(items[1].record.batch == 1);
  REQUIRE(ledger.models.announcements.count(ledger.views()) == 3);
}

TEST_CASE("the counts follow every change of the list, as if they were taken anew") {
  FoldedViews ledger;
  const auto counts = [&] { return ledger.models.announcements.counts(ledger.views()); };
  const auto recounted = [&] {
    AnnouncementCounts anew;
    std::set<Uuid> filings;
    for (const Announcement& item : all(ledger)) {
      ++anew.announcements;
      if (item.record.type) ++anew.by_type[static_cast<std::size_t>(*item.record.type) - 1];
      if (!filings.insert(item.filing_id).second) continue;  // newest first
      const std::string& status = item.record.status;
      ++(status == "cancelled" ? anew.cancelled : status == "revoked" ? anew.revoked : anew.published);
    }
    return anew;
  };
  REQUIRE(counts() == AnnouncementCounts());
  PublicRecord record = public_record(kNumber, "甲");
  record.type = AlgorithmType::personalized_push;
  import(ledger, 1, record);
  import(ledger, 1, record);
  PublicRecord untyped = public_record("网信算备110101135224302220011号", "乙");
  untyped.type.reset();
  import(ledger, 2, untyped);
  publish(ledger, id_of(3), kSubject, public_record("演示备110108000000102260020号", "丙"));
  REQUIRE(counts().announcements == 4);
  REQUIRE(counts().published == 3);
  REQUIRE(counts() == recounted());

  PublicRecord corrected = record;
  corrected.type = AlgorithmType::dispatch_decision;
  ledger.append(filing_stream(id_of(1)), AnnouncementCorrected{corrected, {}}, Role::registrar);
  REQUIRE(counts().by_type.at(5) == 2);
  REQUIRE(counts() == recounted());

  FilingCancelled cancelled;
  cancelled.public_record = corrected;
  cancelled.public_record->status = "cancelled";
  ledger.append(filing_stream(id_of(1)), cancelled, Role::operator_);
  import(ledger, 1, record);  // an ended filing stays ended
  FilingRevoked revoked;
  revoked.public_record = public_record("演示备110108000000102260020号", "丙");
  revoked.public_record->status = "revoked";
  ledger.append(filing_stream(id_of(3)), revoked, Role::supervisor);
  REQUIRE(counts().published == 1);
  REQUIRE(counts().cancelled == 1);
  REQUIRE(counts().revoked == 1);
  REQUIRE(counts() == recounted());
  REQUIRE(ledger.dump() == ledger.rebuilt());
}

TEST_CASE("a cancellation marks all items of the filing, also those announced after it") {
  FoldedViews ledger;
  import(ledger, 1, public_record(kNumber, "甲"));
  import(ledger, 1, public_record(kNumber, "甲"));
  import(ledger, 2, public_record("网信算备110101135224302220011号", "乙"));
  FilingCancelled cancelled;
  cancelled.public_record = public_record(kNumber, "甲");
  cancelled.public_record->status = "cancelled";
  cancelled.public_record->remark = "已注销";
  ledger.append(filing_stream(id_of(1)), cancelled, Role::operator_);
  const std::uint64_t at = ledger.position();
  for (const Announcement& item : ledger.models.announcements.of_filing(ledger.views(), id_of(1))) {
    REQUIRE(item.record.status == "cancelled");
    REQUIRE(item.record.remark == "已注销");
    REQUIRE(item.record.algorithm_name == "甲");
    REQUIRE(item.updated_position == at);
    REQUIRE(item.updated_at == ledger.now());
  }
  REQUIRE(ledger.models.announcements.of_filing(ledger.views(), id_of(2)).at(0).record.status == "published");
  REQUIRE(ledger.models.announcements.last_change(ledger.views())->position == at);

  import(ledger, 1, public_record(kNumber, "甲"));
  REQUIRE(ledger.models.announcements.of_filing(ledger.views(), id_of(1)).at(0).record.status == "cancelled");
  REQUIRE(ledger.dump() == ledger.rebuilt());
}

TEST_CASE("a revocation marks the item; one of a filing that was never public changes nothing") {
  FoldedViews ledger;
  publish(ledger, id_of(1), kSubject, public_record(kNumber, "甲"));
  FilingRevoked revoked;
  revoked.public_record = public_record(kNumber, "甲");
  revoked.public_record->status = "revoked";
  ledger.append(filing_stream(id_of(1)), revoked, Role::supervisor);
  REQUIRE(all(ledger).at(0).record.status == "revoked");

  const StreamId other = filing_stream(id_of(2));
  ledger.append(other, draft_saved(kSubject));
  ledger.append(other, submitted(1));
  ledger.append(other, ReviewStarted{1}, Role::reviewer);
  ledger.append(other, FilingApproved{1, 0}, Role::reviewer);
  const auto before = ledger.models.announcements.last_change(ledger.views());
  ledger.append(other, FilingCancelled{}, Role::supervisor);
  REQUIRE(all(ledger).size() == 1);
  REQUIRE(ledger.models.announcements.last_change(ledger.views())->position == before->position);
}

TEST_CASE("a correction changes all items of the record, and the newest in its series, batch and date") {
  FoldedViews ledger;
  import(ledger, 1, public_record(kNumber, "甲"));
  PublicRecord second = public_record(kNumber, "甲");
  second.batch = 2;
  import(ledger, 1, second);
  AnnouncementCorrected correction;
  correction.public_record = public_record("演示备440305000000102260012号", "更正");
  correction.public_record.type = AlgorithmType::dispatch_decision;
  correction.public_record.series = Series::deep_synthesis;
  correction.public_record.batch = 9;
  correction.public_record.announced_on = std::nullopt;
  ledger.append(filing_stream(id_of(1)), correction, Role::registrar);
  const auto items = ledger.models.announcements.of_filing(ledger.views(), id_of(1));
  for (const Announcement& item : items) {
    REQUIRE(item.record.algorithm_name == "更正");
    REQUIRE(item.record.type == AlgorithmType::dispatch_decision);
    REQUIRE(item.region == "440305");
    REQUIRE(item.record.announced_on == Date{20'000});
  }
  REQUIRE(items[0].record.series == Series::deep_synthesis);
  REQUIRE(items[0].record.batch == 9);
  REQUIRE(items[1].record.series == Series::algorithm);
  REQUIRE(items[1].record.batch == 1);
  REQUIRE(names(ledger, {.query = "甲"}).empty());
  REQUIRE(names(ledger, {.query = "更正", .batch = 9}) == Names{"更正"});
  REQUIRE(ledger.dump() == ledger.rebuilt());
}

TEST_CASE("what a correction leaves alone stays in each item as it was announced") {
  FoldedViews ledger;
  PublicRecord first = public_record(kNumber, "旧名");
  first.role = std::nullopt;
  import(ledger, 1, first);
  import(ledger, 1, public_record(kNumber, "新名"));
  AnnouncementCorrected correction;
  correction.public_record = public_record(kNumber, "新名");
  correction.public_record.purpose = "更正的用途";
  ledger.append(filing_stream(id_of(1)), correction, Role::registrar);
  const auto items = ledger.models.announcements.of_filing(ledger.views(), id_of(1));
  REQUIRE(items[0].record.algorithm_name == "新名");
  REQUIRE(items[1].record.algorithm_name == "旧名");
  REQUIRE_FALSE(items[1].record.role);
  for (const Announcement& item : items) REQUIRE(item.record.purpose == "更正的用途");
}

TEST_CASE("an approved change updates the record but not where it was announced") {
  FoldedViews ledger;
  publish(ledger, id_of(1), kSubject, public_record(kNumber, "甲"));
  ChangeSubmitted change;
  change.change = 1;
  ledger.append(filing_stream(id_of(1)), change);
  ChangeApproved approved;
  approved.change = 1;
  approved.public_record = public_record(kNumber, "甲改");
  approved.public_record->batch = 7;
  ledger.append(filing_stream(id_of(1)), approved, Role::reviewer);
  REQUIRE(all(ledger).at(0).record.algorithm_name == "甲改");
  REQUIRE(all(ledger).at(0).record.batch == 1);
  REQUIRE(all(ledger).at(0).record.status == "published");
}

TEST_CASE("a correction after a cancellation does not bring the filing back") {
  FoldedViews ledger;
  import(ledger, 1, public_record(kNumber, "甲"));
  ledger.append(filing_stream(id_of(1)), FilingCancelled{}, Role::operator_);
  REQUIRE(all(ledger).at(0).record.status == "cancelled");
  ledger.append(filing_stream(id_of(1)), AnnouncementCorrected{public_record(kNumber, "乙"), {}},
                Role::registrar);
  REQUIRE(all(ledger).at(0).record.status == "cancelled");
  REQUIRE(all(ledger).at(0).record.algorithm_name == "乙");
}

TEST_CASE("a query finds a case-folded literal part of one of five texts") {
  FoldedViews ledger;
  PublicRecord record = public_record(kNumber, "通义 AI Écrire 算法");
  record.organization_name = "北京示例Science有限公司";
  record.products = "新闻（APP）、示例（网站）";
  record.purpose = "应用于100%的推送.*";
  record.remark = "备注文字";
  import(ledger, 1, record);
  for (const char* query :
       {"通义", "ai", "AI écri", "ÉCRIRE", "示例science", "SCIENCE有限", "（app）", "新闻（APP）、示例",
        "100%", ".*", "110108000000102260012", "演示备1101", "12号", " ", "的"}) {
    INFO(query);
    REQUIRE(names(ledger, {.query = query}).size() == 1);
  }
  for (const char* query : {"备注文字", "通义AI", "a.i", "100.", "algorithm", "法北京", "号通", "published",
                            "１００", "\xFF", "personalized_push"}) {
    INFO(query);
    REQUIRE(names(ledger, {.query = query}).empty());
  }
}

TEST_CASE("filters by type, role, series, batch and region hold together") {
  FoldedViews ledger;
  for (std::uint64_t i = 1; i <= 24; ++i) {
    const char* regions[] = {"110101", "110108", "120101", "440305"};
    PublicRecord record =
        public_record("演示备" + std::string(regions[i % 4]) + "000000102260012号", std::to_string(i));
    record.type = i % 2 == 0 ? std::optional(AlgorithmType::generation_synthesis) : std::nullopt;
    record.role = i % 3 == 0 ? AlgorithmRole::technical_supporter : AlgorithmRole::provider;
    record.series = i <= 12 ? Series::algorithm : Series::deep_synthesis;
    record.batch = static_cast<std::uint32_t>(1 + i % 12);
    import(ledger, i, record);
  }
  REQUIRE(names(ledger, {}).size() == 24);
  REQUIRE(names(ledger, {}).front() == "24");
  REQUIRE(names(ledger, {.type = AlgorithmType::generation_synthesis}).size() == 12);
  REQUIRE(names(ledger, {.type = AlgorithmType::content_filtering}).empty());
  REQUIRE(names(ledger, {.role = AlgorithmRole::technical_supporter}).size() == 8);
  REQUIRE(names(ledger, {.series = Series::deep_synthesis}).size() == 12);
  REQUIRE(names(ledger, {.batch = 3}) == Names{"14", "2"});
  REQUIRE(names(ledger, {.batch = 3, .series = Series::algorithm}) == Names{"2"});
  REQUIRE(names(ledger, {.region = "11"}).size() == 12);
  REQUIRE(names(ledger, {.region = "110108"}).size() == 6);
  REQUIRE(names(ledger, {.region = "4403"}).size() == 6);
  REQUIRE(names(ledger, {.region = "31"}).empty());
  REQUIRE(names(ledger, {.query = "示例", .type = AlgorithmType::generation_synthesis, .region = "12"}) ==
          names(ledger, {.region = "12"}));
  for (const std::size_t limit : {1, 2, 5, 23, 24, 25}) {
    REQUIRE(names(ledger, {.region = "11"}, limit) == names(ledger, {.region = "11"}));
  }
}

TEST_CASE("a region code of GB/T 2260 selects all below it") {
  REQUIRE(region_prefix("110000") == "11");
  REQUIRE(region_prefix("11") == "11");
  REQUIRE(region_prefix("440300") == "4403");
  REQUIRE(region_prefix("4403") == "4403");
  REQUIRE(region_prefix("440305") == "440305");
  for (const char* bad : {"", "1", "110", "11010", "1101081", "11010a", "１１"})
    REQUIRE_FALSE(region_prefix(bad));
}

TEST_CASE("pages stay what they were while the list grows") {
  FoldedViews ledger;
  for (std::uint64_t i = 1; i <= 10; ++i) import(ledger, i, public_record(kNumber, std::to_string(i)));
  const auto& model = ledger.models.announcements;
  const auto first = model.list(ledger.views(), {}, std::nullopt, 4);
  REQUIRE(first->items.front().record.algorithm_name == "10");
  REQUIRE(first->next_cursor);
  for (std::uint64_t i = 11; i <= 30; ++i) import(ledger, i, public_record(kNumber, std::to_string(i)));
  ledger.append(filing_stream(id_of(5)), FilingCancelled{}, Role::supervisor);
  const auto second = model.list(ledger.views(), {}, first->next_cursor, 4);
  REQUIRE(second->items.size() == 4);
  REQUIRE(second->items.front().record.algorithm_name == "6");
  REQUIRE(second->items.back().record.algorithm_name == "3");
  const auto third = model.list(ledger.views(), {}, second->next_cursor, 4);
  REQUIRE(third->items.size() == 2);
  REQUIRE_FALSE(third->next_cursor);
  // The same cursor gives the same page again.
  REQUIRE(model.list(ledger.views(), {}, first->next_cursor, 4)->items == second->items);
}

TEST_CASE("the last page of matches has no next one, even where unmatched items follow") {
  FoldedViews ledger;
  for (std::uint64_t i = 1; i <= 20; ++i) import(ledger, i, public_record(kNumber, i > 17 ? "找" : "别"));
  const auto page = ledger.models.announcements.list(ledger.views(), {.query = "找"}, std::nullopt, 3);
  REQUIRE(page->items.size() == 3);
  REQUIRE_FALSE(page->next_cursor);
}

TEST_CASE("a tampered announcement cursor is refused") {
  FoldedViews ledger;
  for (std::uint64_t i = 1; i <= 3; ++i) import(ledger, i, public_record(kNumber, "甲"));
  const auto& model = ledger.models.announcements;
  const std::string good = *model.list(ledger.views(), {}, std::nullopt, 1)->next_cursor;
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char c : {'A', 'z', '_', '!'}) {
      std::string tampered = good;
      if (tampered[i] == c) continue;
      tampered[i] = c;
      REQUIRE_FALSE(model.find(ledger.views(), {}, tampered, 10));
    }
  }
  for (const std::string bad : {"", "1", "AAAAAAAAAAAAAAAAAAAAAA", "游标"}) {
    REQUIRE_FALSE(model.find(ledger.views(), {}, bad, 10));
  }
}

TEST_CASE("one call looks at a bounded number of rows and says where to go on") {
  FoldedViews ledger;
  std::vector<std::pair<StreamId, Payload>> events;
  const std::uint64_t count = projections::kAnnouncementRowsScannedMax + 10;
  for (std::uint64_t i = 1; i <= count; ++i) {
    events.emplace_back(filing_stream(id_of(i)), imported(public_record(kNumber, i == 1 ? "最早" : "甲")));
  }
  ledger.append_all(std::move(events), Role::operator_);
  const auto& model = ledger.models.announcements;
  const auto first = model.list(ledger.views(), {.query = "最早"}, std::nullopt, 5);
  REQUIRE(first->items.empty());
  REQUIRE(first->next_cursor);
  const auto second = model.list(ledger.views(), {.query = "最早"}, first->next_cursor, 5);
  REQUIRE(second->items.size() == 1);
  REQUIRE_FALSE(second->next_cursor);
}

TEST_CASE("case folding maps letters of any script and leaves width and everything else alone") {
  REQUIRE(fold_case("AbZ09[`{ 推荐（APP）") == "abz09[`{ 推荐（app）");
  REQUIRE(fold_case("ÀÖØÞßÿ") == "àöøþßÿ");
  REQUIRE(fold_case("ΑΣς ЯЁҐ") == "ασσ яёґ");
  REQUIRE(fold_case("ＡＺａ１") == "ａｚａ１");
  REQUIRE(fold_case("Ⅷ Ⓐ K Å ſ") == "ⅷ ⓐ k å s");
  REQUIRE(fold_case("𐐀 𞤀") == "𐐨 𞤢");
  REQUIRE(fold_case("\xFF\x41\xE4\xB8") == "\xFF\x61\xE4\xB8");
  REQUIRE(fold_case("").empty());
  REQUIRE(folds_as_ascii("推荐 APP ß é １"));
  REQUIRE_FALSE(folds_as_ascii("É"));
  REQUIRE_FALSE(folds_as_ascii("推荐Ａ"));
  std::string lower = "rest of something longer";
  projections::lower_ascii("A推Z", lower);
  REQUIRE(lower == "a推z");
}

TEST_CASE("a cursor of a list that looks back belongs to its position alone") {
  FoldedViews ledger;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    import(
        ledger, i,
        public_record("网信算备11010800000010226000" + std::to_string(i) + "号", "甲" + std::to_string(i)));
  }
  const auto& list = ledger.models.announcements;
  const auto first = list.find(ledger.views(), {}, std::nullopt, 1, 2);
  REQUIRE(first->items == std::vector<std::uint64_t>{2});
  REQUIRE(list.find(ledger.views(), {}, *first->next_cursor, 1, 2)->items == std::vector<std::uint64_t>{1});
  for (const projections::AsOf other : {projections::AsOf{}, projections::AsOf{1}, projections::AsOf{3}})
    REQUIRE_FALSE(list.find(ledger.views(), {}, *first->next_cursor, 1, other));
  const auto now = list.find(ledger.views(), {}, std::nullopt, 1);
  REQUIRE(now->items == std::vector<std::uint64_t>{3});
  REQUIRE_FALSE(list.find(ledger.views(), {}, *now->next_cursor, 1, 3));
}

TEST_CASE("the printed date and the recorded time select on their own") {
  // A list of 2022 that was imported years later, and one of a batch of its own time.
  FoldedViews ledger;
  PublicRecord old = public_record(kNumber, "旧公示");
  old.announced_on = *Date::parse("2022-08-12");
  PublicRecord undated = public_record("网信算备110108000000102260013号", "无日期");
  undated.announced_on.reset();
  import(ledger, 1, old);
  import(ledger, 2, undated);
  PublicRecord corrected = old;
  corrected.announced_on = *Date::parse("2022-08-13");
  ledger.append(filing_stream(id_of(1)), AnnouncementCorrected{corrected, {}}, Role::registrar);

  const auto in = [&](const char* from, const char* until, projections::AsOf as_of) {
    AnnouncementFilter filter;
    if (*from != 0) filter.announced_from = *Date::parse(from);
    if (*until != 0) filter.announced_until = *Date::parse(until);
    Names found;
    for (const Announcement& item :
         ledger.models.announcements.list(ledger.views(), filter, std::nullopt, 10, as_of)->items) {
      found.push_back(item.record.algorithm_name);
    }
    return found;
  };
  REQUIRE(in("", "", {}) == Names{"无日期", "旧公示"});
  REQUIRE(in("2022-01-01", "2022-12-31", {}) == Names{"旧公示"});
  REQUIRE(in("2022-08-13", "2022-08-13", {}) == Names{"旧公示"});
  REQUIRE(in("2022-08-14", "", {}).empty());
  REQUIRE(in("", "2022-08-12", {}).empty());
  // Before the correction was recorded, the list said the day before.
  REQUIRE(in("", "2022-08-12", 1) == Names{"旧公示"});
  REQUIRE(in("2022-08-13", "", 1).empty());
}
