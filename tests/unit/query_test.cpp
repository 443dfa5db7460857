// Query parameters and `Accept`, read strictly.
#include "server/read/query.hpp"

#include <array>

#include <catch2/catch.hpp>

#include "server/http/message.hpp"
#include "server/read/answer.hpp"
#include "server/read/moment.hpp"

using namespace ledger;
using namespace ledger::server;

namespace {

http::Request with(std::initializer_list<std::pair<const char*, const char*>> parameters) {
  http::Request request;
  for (const auto& [name, value] : parameters) request.query.push_back({name, value});
  return request;
}

std::string_view code(const std::optional<Refusal>& refusal) {
  return refusal ? refusal->code : "none";
}

constexpr std::array<std::string_view, 3> kOffers = {"application/json", "text/csv", "application/atom+xml"};

}  // namespace

TEST_CASE("a query that names only what was asked for is fine") {
  const http::Request request = with({{"limit", "7"}, {"type", "personalized_push"}});
  QueryReader query(request);
  CHECK(query.limit() == 7);
  CHECK(query.code<AlgorithmType>("type") == AlgorithmType::personalized_push);
  CHECK_FALSE(query.text("query"));
  CHECK_FALSE(query.cursor());
  CHECK_FALSE(query.done());
}

TEST_CASE("without a limit there are 100 items") {
  const http::Request request;
  QueryReader query(request);
  CHECK(query.limit() == 100);
  CHECK_FALSE(query.done());
}

TEST_CASE("limits outside 1 to 1000 and texts that are no plain number are refused") {
  for (const char* value :
       {"0", "1001", "-1", "+5", " 5", "5 ", "05", "1e2", "", "99999999999999999999", "٣", "0x10"}) {
    CAPTURE(value);
    const http::Request request = with({{"limit", value}});
    QueryReader query(request);
    (void)query.limit();
    CHECK(code(query.done()) == "bad_query");
  }
  for (const char* value : {"1", "1000"}) {
    const http::Request request = with({{"limit", value}});
    QueryReader query(request);
    (void)query.limit();
    CHECK_FALSE(query.done());
  }
}

TEST_CASE("unknown, repeated and malformed parameters are refused, all in one answer") {
  {
    const http::Request request = with({{"limt", "5"}, {"stat", "x"}});
    QueryReader query(request);
    (void)query.limit();
    const auto refusal = query.done();
    REQUIRE(code(refusal) == "bad_query");
    CHECK(refusal->detail.find("limt") != std::string::npos);
    CHECK(refusal->detail.find("stat") != std::string::npos);
  }
  {
    const http::Request request = with({{"limit", "5"}, {"limit", "5"}});
    QueryReader query(request);
    (void)query.limit();
    CHECK(code(query.done()) == "bad_query");
  }
  {
    http::Request request;
    request.query_malformed = true;
    CHECK(code(QueryReader(request).done()) == "bad_query");
  }
}

TEST_CASE("a refusal never repeats what was sent, unless it is a plain word") {
  const http::Request request = with({{"<script>", "1"}, {"subject_id", "geheim"}});
  QueryReader query(request);
  (void)query.uuid("subject_id");
  const auto refusal = query.done();
  REQUIRE(refusal);
  CHECK(refusal->detail.find("script") == std::string::npos);
  CHECK(refusal->detail.find("geheim") == std::string::npos);
}

TEST_CASE("a flood of wrong parameters gives a short answer") {
  http::Request request;
  for (int i = 0; i < 10'000; ++i) request.query.push_back({"x", "y"});
  const auto refusal = QueryReader(request).done();
  REQUIRE(refusal);
  CHECK(refusal->detail.size() < 2'000);
}

TEST_CASE("ids, codes and too long texts are held to their form") {
  const http::Request request =
      with({{"subject_id", "123"}, {"type", "Personalized_Push"}, {"query", "abcdef"}});
  QueryReader query(request);
  CHECK_FALSE(query.uuid("subject_id"));
  CHECK_FALSE(query.code<AlgorithmType>("type"));
  CHECK_FALSE(query.text("query", 5));
  const auto refusal = query.done();
  REQUIRE(code(refusal) == "bad_query");
  for (const char* name : {"subject_id", "type", "query"})
    CHECK(refusal->detail.find(name) != std::string::npos);
}

TEST_CASE("a cursor that is empty, endless or declared bad is refused with its own code") {
  const std::string endless(5'000, 'a');
  for (const char* value : {"", endless.c_str()}) {
    const http::Request request = with({{"cursor", value}});
    QueryReader query(request);
    CHECK_FALSE(query.cursor());
    CHECK(code(query.done()) == "bad_cursor");
  }
  const http::Request request = with({{"cursor", "abc"}});
  QueryReader query(request);
  CHECK(query.cursor() == "abc");
  CHECK_FALSE(query.done());
  query.bad_cursor();
  CHECK(code(query.done()) == "bad_cursor");
}

TEST_CASE("Accept chooses by weight and specificity") {
  const auto choice = [](std::string_view accept) { return negotiate(accept, kOffers); };
  CHECK(choice("text/csv") == 1);
  CHECK(choice("TEXT/CSV") == 1);
  CHECK(choice("text/csv;q=0.5, application/json;q=0.4") == 1);
  CHECK(choice("text/csv;q=0.4, application/json;q=0.5") == 0);
  CHECK(choice("*/*") == 0);
  CHECK(choice("text/*") == 1);
  CHECK(choice("text/csv, */*;q=0.1") == 1);
  CHECK(choice("*/*;q=0.8, application/json;q=0, text/csv;q=0.2") == 2);
  CHECK(choice("application/*;q=0.9, application/json;q=0.1") == 2);
  CHECK(choice("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8") == 0);
  CHECK(choice("application/json;charset=utf-8") == 0);
  CHECK(choice("application/atom+xml;type=\"a,b;q=0\";q=0.3") == 2);
  CHECK(choice("text/csv ; q=1.000") == 1);
  CHECK(choice("text/csv;Q=0.001") == 1);
}

TEST_CASE("Accept that takes none of the offers is told so, one that says nothing takes the first") {
  CHECK_FALSE(negotiate("text/html", kOffers));
  CHECK_FALSE(negotiate("*/*;q=0", kOffers));
  CHECK_FALSE(negotiate("application/json;q=0, text/csv;q=0.000, application/atom+xml;q=0", kOffers));
  CHECK(negotiate("", kOffers) == 0);
  CHECK(negotiate(" , ,", kOffers) == 0);
  CHECK(negotiate("nonsense", kOffers) == 0);
  CHECK(negotiate("text/csv;q=7", kOffers) == 0);
  CHECK(negotiate("text/csv;q=1.5, application/atom+xml", kOffers) == 2);
  CHECK(negotiate("*/json", kOffers) == 0);
  CHECK(negotiate("text/csv;q=0.1234, application/atom+xml", kOffers) == 2);
  CHECK(negotiate("\"text/csv", kOffers) == 0);
  CHECK(negotiate("\"\\", kOffers) == 0);
  CHECK(negotiate(http::Request{}, kOffers) == 0);
}

TEST_CASE("a moment is a position, a time, or a day of Shanghai that is over") {
  const TimestampUs now = *TimestampUs::parse("2026-05-02T12:00:00Z");
  const auto moment = [&](const char* name, const char* value) {
    const http::Request request = with({{name, value}});
    QueryReader query(request);
    (void)query.text("limit");
    const Moment moment = read_moment(query, now, now);
    CAPTURE(name, value);
    CHECK_FALSE(query.done());
    return moment;
  };
  CHECK(moment("at_position", "0").position == 0u);
  CHECK(moment("at_position", "12").position == 12u);
  CHECK(moment("as_of", "2026-05-02T20:00:00+08:00").time == now);
  CHECK(moment("as_of", "2026-05-02T20:00:00 08:00").time == now);  // as an unescaped plus sign arrives
  // The day ends at midnight in Shanghai, eight hours ahead of UTC.
  CHECK(moment("as_of", "2026-05-01").time->text() == "2026-05-01T15:59:59.999999Z");
  CHECK(moment("as_of", "1970-01-01").time->text() == "1970-01-01T15:59:59.999999Z");
  CHECK_FALSE(moment("limit", "5").position);
}

TEST_CASE("a moment that is none, not over yet, or given both ways is refused by name") {
  const TimestampUs now = *TimestampUs::parse("2026-05-02T12:00:00Z");
  const auto refused = [&](std::initializer_list<std::pair<const char*, const char*>> parameters) {
    const http::Request request = with(parameters);
    QueryReader query(request);
    (void)read_moment(query, now, now);
    const auto refusal = query.done();
    REQUIRE(refusal);
    CHECK(refusal->code == "bad_query");
    return refusal->detail;
  };
  for (const char* value : {"-1", "x", "", "01", "9007199254740993"})
    CHECK(refused({{"at_position", value}}).starts_with("at_position must be a number"));
  for (const char* value :
       {"", "yesterday", "2026-13-01", "2026-02-30", "2026-05-01T10:00:00", "1777777777", "2026-05-01 08:00"})
    CHECK(refused({{"as_of", value}}) == "as_of must be an RFC 3339 time, or a date");
  CHECK(refused({{"as_of", "2026-05-02T12:00:00.000001Z"}}) == "as_of is in the future");
  CHECK(refused({{"as_of", "2026-05-02"}}) == "as_of is a day that is not over in Asia/Shanghai");
  CHECK(refused({{"as_of", "2026-05-01"}, {"at_position", "3"}}) == "as_of stands in place of at_position");
  CHECK(refused({{"as_of", "2026-05-01"}, {"at_position", "x"}}).find("stands in place") !=
        std::string::npos);
  // A ledger that is ahead of the clock may be asked up to its last event.
  const http::Request request = with({{"as_of", "2027-01-01T00:00:00Z"}});
  QueryReader query(request);
  (void)read_moment(query, now, *TimestampUs::parse("2027-01-01T00:00:00Z"));
  CHECK_FALSE(query.done());
}
