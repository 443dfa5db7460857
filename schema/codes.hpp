// The code lists of schema/codes/ as constant tables: every word with a stable code, its number, its Chinese
// and English text. The tables are built from the data files; nothing here allocates, all views live for
// ever, and every function may be called from any thread. Lists keep the order of their file unless a comment
// says otherwise. Sources: DESIGN sections 4, 6 and 8; GB/T 2260 as published by the Ministry of Civil
// Affairs (schema/codes/README.md).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ledger::schema {

/// One word of a closed list. `number` counts from 1 and is the value of the enumerator in
/// events/core/codes.hpp. `list_names`: what the official lists write for it (several words may share one);
/// may be empty.
struct CodeEntry {
  std::string_view code;
  std::uint8_t number = 0;
  std::string_view zh;
  std::string_view en;
  std::span<const std::string_view> list_names;
};

/// A reason that a rejection may carry: title and one sentence for the filer, in both languages.
struct RejectionReason {
  std::string_view code;
  std::string_view zh;
  std::string_view en;
  std::string_view zh_explanation;
  std::string_view en_explanation;
};

/// A refusal of the HTTP API: `code` and `title` of a problem document, or the code of one field error in it.
/// `status` is the HTTP status of a problem that carries the code itself (400 to 599).
struct Refusal {
  std::string_view code;
  std::uint16_t status = 0;
  std::string_view zh;
  std::string_view en;
};

/// An administrative division of GB/T 2260 at province, prefecture or county level: six digits and the name
/// of this level alone (海淀区, not 北京市海淀区). `abolished`: the year the code went out of use, 0 while it
/// is in use; an abolished code is listed where filing numbers carry it.
struct Region {
  std::string_view code;
  std::string_view zh;
  std::uint16_t abolished = 0;
};

/// The closed lists; each is the data of an enumeration in events/core/codes.hpp.
[[nodiscard]] std::span<const CodeEntry> algorithm_types();
[[nodiscard]] std::span<const CodeEntry> algorithm_roles();
[[nodiscard]] std::span<const CodeEntry> product_forms();
[[nodiscard]] std::span<const CodeEntry> display_channels();
[[nodiscard]] std::span<const CodeEntry> announcement_series();

/// The 14 rejection reasons.
[[nodiscard]] std::span<const RejectionReason> rejection_reasons();
/// Every refusal, ascending by code.
[[nodiscard]] std::span<const Refusal> refusals();
/// Every known region, ascending by code.
[[nodiscard]] std::span<const Region> regions();

/// The entry of `list` with exactly this code; nullptr when there is none.
[[nodiscard]] const CodeEntry* find_code(std::span<const CodeEntry> list, std::string_view code);
/// The entry of `list` with this number; nullptr when there is none.
[[nodiscard]] const CodeEntry* find_number(std::span<const CodeEntry> list, unsigned number);
/// True when the official lists write `name` for this entry: 检索过滤类 is so named by two algorithm types.
[[nodiscard]] bool has_list_name(const CodeEntry& entry, std::string_view name);
/// The first entry of `list` for which the official lists write `name`; nullptr when there is none.
[[nodiscard]] const CodeEntry* find_list_name(std::span<const CodeEntry> list, std::string_view name);

/// The reason with exactly this code; nullptr when there is none.
[[nodiscard]] const RejectionReason* find_rejection_reason(std::string_view code);
/// The refusal with exactly this code; nullptr when there is none.
[[nodiscard]] const Refusal* find_refusal(std::string_view code);
/// The region with exactly these six digits, abolished or not; nullopt when there is none.
[[nodiscard]] std::optional<Region> find_region(std::string_view code);
/// True when `find_region` finds it: the predicate that number checks take.
[[nodiscard]] bool is_known_region(std::string_view code);

}  // namespace ledger::schema
