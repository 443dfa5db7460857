// What a subscriber may ask for, and what is no cursor.
#include <catch2/catch.hpp>

#include "server/http/message.hpp"
#include "server/stream/filter.hpp"
#include "tests/support/parsed_request.hpp"

using namespace ledger;
using namespace ledger::server;
using ledger::test::parsed_request;

namespace {

const std::string kId = "018f2d5e-7c3a-7b6e-9d2f-0123456789ab";

struct Read {
  StreamFilter filter;
  StreamStart start;
  std::string code = "none";
};

Read read(std::initializer_list<std::pair<const char*, std::string>> parameters,
          std::string_view headers = {}) {
  http::Request request = parsed_request("GET /v1/stream", headers);
  for (const auto& [name, value] : parameters) request.query.push_back({name, value});
  QueryReader query(request);
  Read result{read_stream_filter(query), read_stream_start(query, request)};
  if (const auto refusal = query.done()) result.code = refusal->code;
  return result;
}

}  // namespace

TEST_CASE("a stream without parameters is everything from the first position on") {
  const Read plain = read({});
  CHECK(plain.code == "none");
  CHECK(plain.filter.everything());
  CHECK(plain.start == StreamStart{false, 0});
}

TEST_CASE("a cursor is a position or head, and the last event id wins") {
  CHECK(read({{"after", "0"}}).start == StreamStart{false, 1});
  CHECK(read({{"after", "41"}}).start == StreamStart{false, 42});
  CHECK(read({{"after", "head"}}).start.head);
  CHECK(read({{"after", "7"}}, "Last-Event-ID: 41\r\n").start == StreamStart{false, 42});
  CHECK(read({{"after", "head"}}, "Last-Event-ID: 41\r\n").start == StreamStart{false, 42});
  CHECK(read({{"after", "head"}}, "Last-Event-ID: 41\r\n").code == "none");
}

TEST_CASE("what is no cursor is refused as one") {
  for (const char* text : {"", "-1", "+1", "01", "1.0", " 1", "x", "Head", "9007199254740993",
                           "18446744073709551615", "99999999999999999999999"}) {
    CAPTURE(text);
    CHECK(read({{"after", text}}).code == "bad_cursor");
  }
  CHECK(read({}, "Last-Event-ID: head\r\n").code == "bad_cursor");
  CHECK(read({}, "Last-Event-ID: x\r\n").code == "bad_cursor");
  CHECK(read({}, "Last-Event-ID: \r\n").code == "bad_cursor");
  CHECK(read({}, "Last-Event-ID: 1\r\nLast-Event-ID: 2\r\n").code == "bad_cursor");
}

TEST_CASE("types are a list, streams have a name, a filing is one of them") {
  const Read two = read({{"type", "filing.submitted,filing.published"}});
  CHECK(two.code == "none");
  CHECK(two.filter.takes(type_number<FilingSubmitted>()));
  CHECK(two.filter.takes(type_number<FilingPublished>()));
  CHECK_FALSE(two.filter.takes(type_number<FilingWithdrawn>()));
  const Uuid id = *Uuid::parse(kId);
  CHECK(read({{"stream", "ledger"}}).filter.stream == StreamId{});
  CHECK(read({{"stream", "filing/" + kId}}).filter.stream == StreamId{StreamKind::filing, id});
  CHECK(read({{"filing_id", kId}}).filter.stream == StreamId{StreamKind::filing, id});
  CHECK(read({{"subject_id", kId}}).filter.subject_id == id);
  CHECK(read({{"region", "110000"}}).filter.region == "11");
}

TEST_CASE("a filter that cannot be read is refused, and so is what nobody asked for") {
  CHECK(read({{"type", "filing.unheard_of"}}).code == "bad_query");
  CHECK(read({{"type", ""}}).code == "bad_query");
  CHECK(read({{"type", "filing.submitted,"}}).code == "bad_query");
  CHECK(read({{"type", ",filing.submitted"}}).code == "bad_query");
  CHECK(read({{"stream", "filing/x"}}).code == "bad_query");
  CHECK(read({{"filing_id", "x"}}).code == "bad_query");
  CHECK(read({{"stream", "ledger"}, {"filing_id", kId}}).code == "bad_query");
  CHECK(read({{"subject_id", "x"}}).code == "bad_query");
  CHECK(read({{"region", "abc"}}).code == "bad_query");
  CHECK(read({{"limit", "1"}}).code == "bad_query");
  CHECK(read({{"after", "1"}, {"after", "2"}}).code == "bad_query");
}
