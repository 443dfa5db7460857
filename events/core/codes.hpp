// The closed code lists of the domain as C++ enumerations: what a filing's algorithm is, who acts, where a
// number is shown. Values are stored in entries and stand in filing numbers, so they are never reused or
// renumbered; new ones are appended. The same lists with their Chinese and English names are data in
// schema/codes/; a test holds the two together. Pure; every function here may be called from any thread.
// Source: DESIGN section 4 and 8; 互联网信息服务算法推荐管理规定 article 6 and 24, and the filing system's
// forms.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace ledger {

/// What an algorithm does; the value is the two-digit type inside a filing number (01 to 06).
enum class AlgorithmType : std::uint8_t {
  generation_synthesis = 1,   // 生成合成
  personalized_push = 2,      // 个性化推送
  ranking_selection = 3,      // 排序精选
  information_retrieval = 4,  // 信息检索
  content_filtering = 5,      // 内容过滤
  dispatch_decision = 6,      // 调度决策
};

/// Whether the subject offers the service itself or supports others who do.
enum class AlgorithmRole : std::uint8_t {
  provider = 1,             // 服务提供者
  technical_supporter = 2,  // 服务技术支持者
};

/// In what form a product reaches its users.
enum class ProductForm : std::uint8_t { app = 1, website, mini_program, public_account, other };

/// Where a filing number is shown to users.
enum class DisplayChannel : std::uint8_t { app = 1, website, mini_program, public_account, other };

/// Which of the two official lists an announcement belongs to.
enum class Series : std::uint8_t {
  algorithm = 1,       // 境内互联网信息服务算法备案清单
  deep_synthesis = 2,  // 境内深度合成服务算法备案清单
};

/// In what capacity an actor acts. `operator_` runs the command line, `system` is the server itself,
/// `public_` is nobody's token; the others are granted by `access.granted`. Texts: `operator`, `system`,
/// `public`, `filer`, ...
enum class Role : std::uint8_t {
  operator_ = 1,
  system,
  public_,
  filer,
  initial_reviewer,
  reviewer,
  registrar,
  supervisor,
  auditor,
  admin,
};

/// The stable code text of a value, as JSON and CloudEvents carry it, e.g. `personalized_push`; the view
/// lives for ever. A value outside the list (only a cast can make one) has the empty text.
[[nodiscard]] std::string_view code_of(AlgorithmType value);
[[nodiscard]] std::string_view code_of(AlgorithmRole value);
[[nodiscard]] std::string_view code_of(ProductForm value);
[[nodiscard]] std::string_view code_of(DisplayChannel value);
[[nodiscard]] std::string_view code_of(Series value);
[[nodiscard]] std::string_view code_of(Role value);

/// All values of a list in ascending order, without gaps from 1. Defined for the six lists above.
template <class E>
[[nodiscard]] std::span<const E> all_values();
template <>
[[nodiscard]] std::span<const AlgorithmType> all_values<AlgorithmType>();
template <>
[[nodiscard]] std::span<const AlgorithmRole> all_values<AlgorithmRole>();
template <>
[[nodiscard]] std::span<const ProductForm> all_values<ProductForm>();
template <>
[[nodiscard]] std::span<const DisplayChannel> all_values<DisplayChannel>();
template <>
[[nodiscard]] std::span<const Series> all_values<Series>();
template <>
[[nodiscard]] std::span<const Role> all_values<Role>();

/// The value whose code text is exactly `code` (case and blanks count); nullopt for any other text.
template <class E>
[[nodiscard]] std::optional<E> from_code(std::string_view code) {
  for (const E value : all_values<E>()) {
    if (code_of(value) == code) return value;
  }
  return std::nullopt;
}

/// The value with this number, as entries store it; nullopt for a number outside the list (0 included).
template <class E>
[[nodiscard]] std::optional<E> from_number(unsigned number) {
  if (number < 1 || number > all_values<E>().size()) return std::nullopt;
  return static_cast<E>(number);
}

}  // namespace ledger
