// The contract says what the server does: its paths and methods are the route table, its code lists are ours.
// The file keeps one shape, so that reading it takes no YAML parser: two spaces before a path or a section's
// name, four before a method or a schema's.
#include <map>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "events/core/states.hpp"
#include "schema/codes.hpp"
#include "server/api/routes.hpp"
#include "server/api/texts.hpp"

using namespace ledger;
using namespace ledger::server;

namespace {

std::vector<std::string_view> lines() {
  std::vector<std::string_view> all;
  std::string_view rest = openapi_text();
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    all.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return all;
}

std::size_t indent(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

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
  for (const std::string_view line : lines()) {
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

/// The items of the list under `enum:` of a schema.
std::set<std::string> enum_of(std::string_view schema) {
  std::set<std::string> items;
  bool here = false, listing = false;
  for (const std::string_view line : lines()) {
    if (indent(line) == 4 && line.ends_with(':')) {
      here = line.substr(4, line.size() - 5) == schema;
      listing = false;
    } else if (here && line.starts_with("      enum:")) {
      listing = true;
      std::string_view rest = line.substr(11);
      if (const std::size_t open = rest.find('['); open != rest.npos) {
        rest = rest.substr(open + 1, rest.find(']') - open - 1);
        while (!rest.empty()) {
          const std::size_t end = std::min(rest.find(','), rest.size());
          const std::string_view item = rest.substr(0, end);
          items.emplace(item.substr(indent(item)));
          rest.remove_prefix(std::min(end + 1, rest.size()));
        }
      }
    } else if (here && listing && line.starts_with("        - ")) {
      items.emplace(line.substr(10));
    } else if (indent(line) <= 6) {
      listing = false;
    }
  }
  return items;
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
