// Reading the contracts in schema/ line by line. They keep one shape, so that it takes no YAML parser: two
// spaces before a path or a section's name, four before a method or a schema's.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ledger::test {

inline std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> all;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    all.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return all;
}

inline std::size_t indent(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

/// The items of the list under `enum:` of a schema.
inline std::set<std::string> enum_of(std::string_view contract, std::string_view schema) {
  std::set<std::string> items;
  bool here = false, listing = false;
  for (const std::string_view line : lines_of(contract)) {
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

}  // namespace ledger::test
