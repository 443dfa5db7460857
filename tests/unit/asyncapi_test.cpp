// The description of the stream says what the server sends: its event types and frame kinds are ours, its
// references lead somewhere, and what it repeats of the other contract it repeats word for word.
#include <catch2/catch.hpp>

#include "events/core/events.hpp"
#include "server/api/texts.hpp"
#include "tests/support/contract_lines.hpp"

using namespace ledger;
using namespace ledger::server;
using ledger::test::enum_of;
using ledger::test::indent;
using ledger::test::lines_of;

namespace {

using Names = std::set<std::string>;

/// The names of everything that a reference can lead to: `section/name`, `section/part/name`.
Names places() {
  Names all;
  std::string section, part;
  for (const std::string_view line : lines_of(asyncapi_text())) {
    const std::size_t depth = indent(line);
    const std::size_t colon = line.find(':');
    if (colon == line.npos || depth > 4) continue;
    const std::string name(line.substr(depth, colon - depth));
    if (depth == 0) section = name;
    if (depth == 2) part = name;
    if (depth == 2) all.insert(section + '/' + name);
    if (depth == 4) all.insert(section + '/' + part + '/' + name);
  }
  return all;
}

/// The words listed in `[...]` behind `required:` of a schema.
std::string required_of(std::string_view contract, std::string_view schema) {
  bool here = false;
  for (const std::string_view line : lines_of(contract)) {
    if (indent(line) == 4 && line.ends_with(':')) here = line.substr(4, line.size() - 5) == schema;
    if (here && line.starts_with("      required: ")) return std::string(line);
  }
  return {};
}

}  // namespace

TEST_CASE("the event types of the stream's description are ours, the public ones among them") {
  Names types, public_types;
  for (unsigned number = 1; !name_of(static_cast<EventType>(number)).empty(); ++number) {
    const auto type = static_cast<EventType>(number);
    types.emplace(name_of(type));
    if (is_public_type(type)) public_types.emplace(name_of(type));
  }
  CHECK(enum_of(asyncapi_text(), "EventType") == types);
  CHECK(enum_of(asyncapi_text(), "PublicEventType") == public_types);
}

TEST_CASE("the frame kinds of the stream's description are those of the protocol") {
  CHECK(enum_of(asyncapi_text(), "FrameKind") ==
        Names{"event", "caught_up", "checkpoint", "heartbeat", "error"});
}

TEST_CASE("every reference in the stream's description leads somewhere") {
  const Names known = places();
  constexpr std::string_view kReference = "$ref: '#/";
  unsigned seen = 0;
  for (const std::string_view line : lines_of(asyncapi_text())) {
    const std::size_t at = line.find(kReference);
    if (at == line.npos) continue;
    const std::string_view target = line.substr(at + kReference.size());
    CAPTURE(line);
    CHECK(known.contains(std::string(target.substr(0, target.find('\'')))));
    ++seen;
  }
  CHECK(seen > 20);
}

TEST_CASE("an event is the same thing in both contracts") {
  const std::string required = required_of(asyncapi_text(), "CloudEvent");
  CHECK_FALSE(required.empty());
  CHECK(required == required_of(openapi_text(), "CloudEvent"));
}
