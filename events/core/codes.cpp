#include "events/core/codes.hpp"

#include <array>

namespace ledger {
namespace {

template <class E>
struct Named {
  E value;
  std::string_view code;
};

constexpr std::array<Named<AlgorithmType>, 6> kAlgorithmTypes{{
    {AlgorithmType::generation_synthesis, "generation_synthesis"},
    {AlgorithmType::personalized_push, "personalized_push"},
    {AlgorithmType::ranking_selection, "ranking_selection"},
    {AlgorithmType::information_retrieval, "information_retrieval"},
    {AlgorithmType::content_filtering, "content_filtering"},
    {AlgorithmType::dispatch_decision, "dispatch_decision"},
}};

constexpr std::array<Named<AlgorithmRole>, 2> kAlgorithmRoles{{
    {AlgorithmRole::provider, "provider"},
    {AlgorithmRole::technical_supporter, "technical_supporter"},
}};

constexpr std::array<Named<ProductForm>, 5> kProductForms{{
    {ProductForm::app, "app"},
    {ProductForm::website, "website"},
    {ProductForm::mini_program, "mini_program"},
    {ProductForm::public_account, "public_account"},
    {ProductForm::other, "other"},
}};

constexpr std::array<Named<DisplayChannel>, 5> kDisplayChannels{{
    {DisplayChannel::app, "app"},
    {DisplayChannel::website, "website"},
    {DisplayChannel::mini_program, "mini_program"},
    {DisplayChannel::public_account, "public_account"},
    {DisplayChannel::other, "other"},
}};

constexpr std::array<Named<Series>, 2> kSeries{{
    {Series::algorithm, "algorithm"},
    {Series::deep_synthesis, "deep_synthesis"},
}};

constexpr std::array<Named<Role>, 10> kRoles{{
    {Role::operator_, "operator"},
    {Role::system, "system"},
    {Role::public_, "public"},
    {Role::filer, "filer"},
    {Role::initial_reviewer, "initial_reviewer"},
    {Role::reviewer, "reviewer"},
    {Role::registrar, "registrar"},
    {Role::supervisor, "supervisor"},
    {Role::auditor, "auditor"},
    {Role::admin, "admin"},
}};

// Lists are numbered 1, 2, 3 ... in order, so a value finds its name by index.
template <class E, std::size_t N>
constexpr bool counts_from_one(const std::array<Named<E>, N>& list) {
  for (std::size_t i = 0; i < N; ++i) {
    if (static_cast<std::size_t>(list[i].value) != i + 1) return false;
  }
  return true;
}
static_assert(counts_from_one(kAlgorithmTypes) && counts_from_one(kAlgorithmRoles));
static_assert(counts_from_one(kProductForms) && counts_from_one(kDisplayChannels));
static_assert(counts_from_one(kSeries) && counts_from_one(kRoles));

template <class E, std::size_t N>
std::string_view code_in(const std::array<Named<E>, N>& list, E value) {
  const auto number = static_cast<std::size_t>(value);
  return number >= 1 && number <= N ? list[number - 1].code : std::string_view{};
}

template <class E, std::size_t N>
constexpr std::array<E, N> values_in(const std::array<Named<E>, N>& list) {
  std::array<E, N> values{};
  for (std::size_t i = 0; i < N; ++i) values[i] = list[i].value;
  return values;
}

constexpr auto kAlgorithmTypeValues = values_in(kAlgorithmTypes);
constexpr auto kAlgorithmRoleValues = values_in(kAlgorithmRoles);
constexpr auto kProductFormValues = values_in(kProductForms);
constexpr auto kDisplayChannelValues = values_in(kDisplayChannels);
constexpr auto kSeriesValues = values_in(kSeries);
constexpr auto kRoleValues = values_in(kRoles);

}  // namespace

std::string_view code_of(AlgorithmType value) {
  return code_in(kAlgorithmTypes, value);
}
std::string_view code_of(AlgorithmRole value) {
  return code_in(kAlgorithmRoles, value);
}
std::string_view code_of(ProductForm value) {
  return code_in(kProductForms, value);
}
std::string_view code_of(DisplayChannel value) {
  return code_in(kDisplayChannels, value);
}
std::string_view code_of(Series value) {
  return code_in(kSeries, value);
}
std::string_view code_of(Role value) {
  return code_in(kRoles, value);
}

template <>
std::span<const AlgorithmType> all_values<AlgorithmType>() {
  return kAlgorithmTypeValues;
}
template <>
std::span<const AlgorithmRole> all_values<AlgorithmRole>() {
  return kAlgorithmRoleValues;
}
template <>
std::span<const ProductForm> all_values<ProductForm>() {
  return kProductFormValues;
}
template <>
std::span<const DisplayChannel> all_values<DisplayChannel>() {
  return kDisplayChannelValues;
}
template <>
std::span<const Series> all_values<Series>() {
  return kSeriesValues;
}
template <>
std::span<const Role> all_values<Role>() {
  return kRoleValues;
}

}  // namespace ledger
