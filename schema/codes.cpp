#include "schema/codes.hpp"

#include <algorithm>

namespace ledger::schema {
namespace {

/// Binary search in a table that embed.py wrote in ascending order of code.
template <class Row>
const Row* find_sorted(std::span<const Row> rows, std::string_view code) {
  const auto at = std::ranges::lower_bound(rows, code, {}, &Row::code);
  return at != rows.end() && at->code == code ? &*at : nullptr;
}

template <class Row>
const Row* find_listed(std::span<const Row> rows, std::string_view code) {
  const auto at = std::ranges::find(rows, code, &Row::code);
  return at != rows.end() ? &*at : nullptr;
}

}  // namespace

const CodeEntry* find_code(std::span<const CodeEntry> list, std::string_view code) {
  return find_listed(list, code);
}

const CodeEntry* find_number(std::span<const CodeEntry> list, unsigned number) {
  return number >= 1 && number <= list.size() ? &list[number - 1] : nullptr;
}

bool has_list_name(const CodeEntry& entry, std::string_view name) {
  return std::ranges::find(entry.list_names, name) != entry.list_names.end();
}

const CodeEntry* find_list_name(std::span<const CodeEntry> list, std::string_view name) {
  const auto at =
      std::ranges::find_if(list, [&](const CodeEntry& entry) { return has_list_name(entry, name); });
  return at != list.end() ? &*at : nullptr;
}

const RejectionReason* find_rejection_reason(std::string_view code) {
  return find_listed(rejection_reasons(), code);
}

const Refusal* find_refusal(std::string_view code) {
  return find_sorted(refusals(), code);
}

std::optional<Region> find_region(std::string_view code) {
  const Region* region = find_sorted(regions(), code);
  return region != nullptr ? std::optional<Region>(*region) : std::nullopt;
}

bool is_known_region(std::string_view code) {
  return find_sorted(regions(), code) != nullptr;
}

}  // namespace ledger::schema
