// Reading rows of official lists: what becomes of each column, and which rule finds which fault.
#include "replay/official_list.hpp"

#include <fstream>
#include <iterator>
#include <map>

#include <catch2/catch.hpp>

using namespace ledger;
using namespace ledger::replay;

namespace {

constexpr const char* kHeader =
    "list,batch_no,list_month,announced_on,seq,algorithm_name,type_or_role,subject_name,products,purpose,"
    "filing_number,remark\r\n";

OfficialRow read(const std::string& row) {
  const std::string text = kHeader + row + "\r\n";
  auto reader = CsvReader::open(text).value();
  const auto csv = reader.next().value();
  REQUIRE(csv);
  return read_official_row(reader, *csv);
}

/// A row without fault but for what the arguments say.
std::string deep(const std::string& role, const std::string& products, const std::string& number) {
  return "deep,3,2024-02,2024-02-18,7,示例算法," + role + ",某公司," + products + ",用途," + number + ",备注";
}
std::string algo(const std::string& category, const std::string& number) {
  return "algo,1,2022-08,,4,示例算法," + category + ",某公司,某应用（APP）,用途," + number + ",";
}

using Codes = std::vector<std::string>;

constexpr const char* kDeepNumber = "网信算备330110807992101250019号";

}  // namespace

TEST_CASE("a row of the deep synthesis list becomes a public record of its series, type and role") {
  const OfficialRow row = read(deep("服务技术支持者", "--", kDeepNumber));
  const PublicRecord& item = row.record.public_record;
  CHECK(row.record.row == 1);
  CHECK(row.record.list == "deep");
  CHECK(row.record.list_month == "2024-02");
  CHECK(row.record.sequence == 7);
  CHECK(row.record.type_or_role == "服务技术支持者");
  CHECK(row.record.source_number == kDeepNumber);
  CHECK(row.record.digits == "330110807992101250019");
  CHECK(row.record.anomalies.empty());
  CHECK(item.number == kDeepNumber);
  CHECK(item.algorithm_name == "示例算法");
  CHECK(item.type == AlgorithmType::generation_synthesis);
  CHECK(item.role == AlgorithmRole::technical_supporter);
  CHECK(item.series == Series::deep_synthesis);
  CHECK(item.batch == 3u);
  CHECK(item.announced_on == Date::parse("2024-02-18"));
  CHECK(item.products == "--");
  CHECK(item.remark == "备注");
  CHECK(item.status == "published");
}

TEST_CASE("a row of the algorithm list has its category as type, no role, and no date") {
  const OfficialRow row = read(algo("个性化推送类", "网信算备110101135224302220011号"));
  CHECK(row.record.anomalies.empty());
  CHECK(row.record.public_record.type == AlgorithmType::personalized_push);
  CHECK_FALSE(row.record.public_record.role);
  CHECK_FALSE(row.record.public_record.announced_on);
  CHECK(row.record.public_record.series == Series::algorithm);
}

TEST_CASE("the category that stands for two types is told apart by the number") {
  const auto type = [](const char* number) {
    return read(algo("检索过滤类", number)).record.public_record.type;
  };
  CHECK(type("网信算备110101135224304220013号") == AlgorithmType::information_retrieval);
  CHECK(type("网信算备110101135224305220015号") == AlgorithmType::content_filtering);
  // Where the number is not to be trusted the first of the two stands.
  CHECK(type("网信算备1101011352243052200150号") == AlgorithmType::information_retrieval);
}

TEST_CASE("a category against the number's type is an anomaly, and the category counts") {
  const OfficialRow row = read(algo("调度决策类", "网信算备310107429160605220017号"));
  CHECK(row.record.anomalies == Codes{"number_type"});
  CHECK(row.record.public_record.type == AlgorithmType::dispatch_decision);
}

TEST_CASE("each rule of a number is found by itself") {
  const auto anomalies = [](const char* number) {
    return read(deep("服务提供者", "应用（网站）", number)).record.anomalies;
  };
  CHECK(anomalies(kDeepNumber).empty());
  CHECK(anomalies("网信算备3301108079921012500190号") == Codes{"number_length"});
  CHECK(anomalies("网信算备330110807992101250018号") == Codes{"number_check_digit"});
  CHECK(anomalies("网信算备406301334627601250011号") == Codes{"number_region"});
  CHECK(anomalies("330110807992101250019").empty());
  CHECK(anomalies("网信算备 330110807992101250019号") == Codes{"number_format"});
  CHECK(anomalies("没有号码") == Codes{"number_format"});
  CHECK(anomalies("") == Codes{"missing_filing_number"});
}

TEST_CASE("a technical supporter with a product and a provider without one are anomalies") {
  CHECK(read(deep("服务技术支持者", "应用（APP）", kDeepNumber)).record.anomalies == Codes{"role_products"});
  CHECK(read(deep("服务技术支持者", "", kDeepNumber)).record.anomalies.empty());
  CHECK(read(deep("服务提供者", "--", kDeepNumber)).record.anomalies == Codes{"role_products"});
}

TEST_CASE("what cannot be read is left out and named, and the row is kept") {
  const OfficialRow row =
      read("deep,none,2024-02,18.2.2024,x,,未知角色,某公司,--,用途," + std::string(kDeepNumber) + ",");
  CHECK(row.record.anomalies ==
        Codes{"missing_algorithm_name", "unknown_type", "bad_batch", "bad_sequence", "bad_date"});
  CHECK_FALSE(row.record.public_record.batch);
  CHECK_FALSE(row.record.public_record.announced_on);
  CHECK(row.record.sequence == 0);
  CHECK(row.record.public_record.organization_name == "某公司");

  const OfficialRow other = read("other,1,,,1,名称,个性化推送类,某公司,--,,网信算备110101135224302220011号,");
  CHECK(other.record.anomalies == Codes{"unknown_list"});
  CHECK_FALSE(other.record.public_record.series);
  CHECK(other.record.public_record.type == AlgorithmType::personalized_push);
}

TEST_CASE("texts are mended, cut and named, never refused") {
  std::string row = deep("服务提供者", "应用（APP）", kDeepNumber);
  const auto with_name = [&](const std::string& name) {
    std::string changed = row;
    changed.replace(changed.find("示例算法"), std::string("示例算法").size(), name);
    return read(changed).record;
  };
  const RecordImported broken = with_name("坏\xff\xe4名");
  CHECK(broken.anomalies == Codes{"invalid_utf8"});
  CHECK(broken.public_record.algorithm_name == "坏\xEF\xBF\xBD\xEF\xBF\xBD名");
  const RecordImported hidden = with_name("显\xE2\x80\xAE示");  // U+202E
  CHECK(hidden.anomalies == Codes{"control_character"});
  CHECK(hidden.public_record.algorithm_name == "显\xEF\xBF\xBD示");
  const RecordImported lines = with_name("\"两\n行\"");
  CHECK(lines.anomalies.empty());
  CHECK(lines.public_record.algorithm_name == "两\n行");
  std::string wide;
  for (int i = 0; i < 2001; ++i) wide += "长";
  const RecordImported cut = with_name(wide);
  CHECK(cut.anomalies == Codes{"text_cut"});
  CHECK(cut.public_record.algorithm_name.size() == 2000 * 3);
}

TEST_CASE("equal rows have equal content wherever they stand and whatever stands beside them") {
  const std::string text =
      "filing_number,note,list,algorithm_name,type_or_role,subject_name\r\n"
      "网信算备330110807992101250019号,ours,deep,名,服务提供者,某公司\r\n";
  auto reader = CsvReader::open(text).value();
  const OfficialRow here = read_official_row(reader, reader.next().value().value());
  const OfficialRow there = read("deep,,,,,名,服务提供者,某公司,,,网信算备330110807992101250019号,");
  CHECK(here.content == there.content);
  CHECK(here.content != read("deep,,,,,名,服务提供者,某公司,,,网信算备330110807992101250019号,注").content);
}

TEST_CASE("columns that a list cannot do without are named") {
  const auto reader = CsvReader::open("list,filing_number\r\n").value();
  CHECK(missing_filing_columns(reader) ==
        std::vector<std::string_view>{"algorithm_name", "type_or_role", "subject_name"});
  CHECK(missing_cancellation_columns(reader) == std::vector<std::string_view>{"notice_date"});
}

TEST_CASE("a cancellation has its digits and its day") {
  const std::string text =
      "filing_number,notice_date\r\n网信算备330110807992101250019号,2025-07-14\r\n没有,2025-13-01\r\n,\r\n";
  auto reader = CsvReader::open(text).value();
  const CancellationRow good = read_cancellation_row(reader, reader.next().value().value());
  CHECK(good.digits == "330110807992101250019");
  CHECK(good.noticed_on == Date::parse("2025-07-14"));
  CHECK(good.anomalies.empty());
  const CancellationRow bad = read_cancellation_row(reader, reader.next().value().value());
  CHECK(bad.row == 2);
  CHECK(bad.anomalies == Codes{"cancellation_number", "cancellation_date"});
  CHECK_FALSE(bad.noticed_on);
  CHECK(read_cancellation_row(reader, reader.next().value().value()).anomalies ==
        Codes{"cancellation_number", "cancellation_date"});
}

TEST_CASE("the rules find exactly the known anomalies of the official lists") {
  std::ifstream file(LEDGER_SHARED_DIR "/data/announcements/filings.csv", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty()) {
    WARN("SKIPPED: no official lists in " LEDGER_SHARED_DIR "/data/announcements; nothing checked");
    return;
  }
  auto reader = CsvReader::open(text).value();
  std::map<std::string, std::vector<std::size_t>> rows;
  std::size_t read = 0;
  while (const auto csv = reader.next().value()) {
    ++read;
    const OfficialRow row = read_official_row(reader, *csv);
    for (const std::string& code : row.record.anomalies) rows[code].push_back(csv->number);
    CHECK(row.record.public_record.type);
    CHECK(row.record.public_record.batch);
    CHECK(row.record.public_record.series);
  }
  CHECK(read == 7997);
  CHECK(rows == std::map<std::string, std::vector<std::size_t>>{{"number_length", {9}},
                                                                {"number_type", {20, 25}},
                                                                {"number_check_digit", {97}},
                                                                {"role_products", {1057}},
                                                                {"number_region", {5255, 7095, 7119, 7282}}});
}
