// The contract says what the server does: its paths and methods are the route table, its code lists are ours.
#include <map>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "events/core/states.hpp"
#include "projections/timeline.hpp"
#include "schema/codes.hpp"
#include "server/api/routes.hpp"
#include "server/api/texts.hpp"
#include "tests/support/contract_lines.hpp"

using namespace ledger;
using namespace ledger::server;
using ledger::test::indent;
using ledger::test::lines_of;

namespace {

/// A path with its captures unnamed: the route table and the contract name them differently.
std::string shape(std::string_view path) {
  std::string out;
  bool inside = false;
  for (const char c : path) {
    if (c == '{') out += "{}";
    inside = c == '{' || (inside && c != '}');
    if (!inside && c != '}') out += c;
  }
  return out;
}

struct Operation {
  std::set<std::string> parameters;  // names of shared parameters
  bool open_to_all = false;          // has a `security` of its own
};

/// `get /v1/filings/{}` and the like.
std::map<std::string, Operation> operations() {
  std::map<std::string, Operation> found;
  bool in_paths = false;
  std::string path;
  Operation* current = nullptr;
  for (const std::string_view line : lines_of(openapi_text())) {
    if (indent(line) == 0 && !line.empty()) in_paths = line == "paths:";
    if (!in_paths || !line.ends_with(':')) {
      constexpr std::string_view kParameter = "- $ref: '#/components/parameters/";
      const std::size_t at = line.find(kParameter);
      if (in_paths && current != nullptr && at != line.npos) {
        current->parameters.emplace(
            line.substr(at + kParameter.size(), line.size() - at - kParameter.size() - 1));
      }
      if (in_paths && current != nullptr && line.starts_with("      security: ")) current->open_to_all = true;
      continue;
    }
    const std::string_view name = line.substr(indent(line), line.size() - indent(line) - 1);
    if (indent(line) == 2) {
      path = shape(name);
    } else if (indent(line) == 4) {
      current = &found[std::string(name) + ' ' + path];
    }
  }
  return found;
}

std::set<std::string> enum_of(std::string_view schema) {
  return test::enum_of(openapi_text(), schema);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

template <class E>
std::set<std::string> codes() {
  std::set<std::string> all;
  for (const E value : all_values<E>()) all.emplace(code_of(value));
  return all;
}

}  // namespace

TEST_CASE("the contract has exactly the operations of the route table") {
  const auto described = operations();
  std::set<std::string> served;
  for (const Route& route : routes())
    served.insert(lower(name_of(route.method)) + ' ' + shape(route.pattern));
  for (const std::string& operation : served) {
    CAPTURE(operation);
    CHECK(described.contains(operation));
  }
  for (const auto& [operation, _] : described) {
    CAPTURE(operation);
    CHECK(served.contains(operation));
  }
  CHECK(served.size() > 50);
}

TEST_CASE("what needs no token in the route table needs none in the contract") {
  const auto described = operations();
  for (const Route& route : routes()) {
    const auto operation = described.find(lower(name_of(route.method)) + ' ' + shape(route.pattern));
    if (operation == described.end()) continue;
    CAPTURE(operation->first);
    CHECK(operation->second.open_to_all == (route.entrance != Entrance::token));
  }
}

TEST_CASE("every command takes an idempotency key and a precondition, no read does") {
  const auto described = operations();
  for (const Route& route : routes()) {
    const auto operation = described.find(lower(name_of(route.method)) + ' ' + shape(route.pattern));
    if (operation == described.end()) continue;
    const auto& parameters = operation->second.parameters;
    const bool command = route.command != nullptr;
    CAPTURE(operation->first);
    CHECK(parameters.contains("IdempotencyKey") == command);
    CHECK((parameters.contains("IfMatch") || parameters.contains("IfMatchRequired")) == command);
  }
}

TEST_CASE("the refusal codes of the contract are the table's") {
  std::set<std::string> ours;
  for (const schema::Refusal& refusal : schema::refusals()) ours.emplace(refusal.code);
  CHECK(enum_of("RefusalCode") == ours);
}

TEST_CASE("the code lists of the contract are ours") {
  std::set<std::string> reasons, types, filing_states, subject_states;
  for (const schema::RejectionReason& reason : schema::rejection_reasons()) reasons.emplace(reason.code);
  for (unsigned type = 1; !name_of(static_cast<EventType>(type)).empty(); ++type) {
    types.emplace(name_of(static_cast<EventType>(type)));
  }
  for (unsigned state = 1; !code_of(static_cast<FilingStatus>(state)).empty(); ++state) {
    filing_states.emplace(code_of(static_cast<FilingStatus>(state)));
  }
  for (unsigned state = 1; !code_of(static_cast<SubjectStatus>(state)).empty(); ++state) {
    subject_states.emplace(code_of(static_cast<SubjectStatus>(state)));
  }
  std::set<std::string> stages;
  for (const projections::Stage stage : projections::all_stages()) stages.emplace(code_of(stage));
  CHECK(enum_of("StageName") == stages);
  CHECK(enum_of("ReasonCode") == reasons);
  CHECK(enum_of("EventType") == types);
  CHECK(enum_of("FilingState") == filing_states);
  CHECK(enum_of("SubjectState") == subject_states);
  CHECK(enum_of("AlgorithmType") == codes<AlgorithmType>());
  CHECK(enum_of("AlgorithmRole") == codes<AlgorithmRole>());
  CHECK(enum_of("ProductForm") == codes<ProductForm>());
  CHECK(enum_of("DisplayChannel") == codes<DisplayChannel>());
  CHECK(enum_of("Series") == codes<Series>());
  CHECK(enum_of("Role") == codes<Role>());
}
