#include "server/read/json_diff.hpp"

#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace ledger::server {
namespace {

namespace json = boost::json;

const json::value kAbsent;

bool is_commitment(const json::value& value) {
  const json::object* object = value.if_object();
  return object != nullptr && object->size() == 1 && object->contains("committed");
}

/// An object whose members are looked at one by one.
const json::object* fields_of(const json::value& value) {
  const json::object* object = value.if_object();
  return object != nullptr && !object->empty() && !is_commitment(value) ? object : nullptr;
}

const json::value& member(const json::object* object, std::string_view name) {
  const json::value* found =
      object != nullptr ? object->if_contains(json::string_view(name.data(), name.size())) : nullptr;
  return found != nullptr ? *found : kAbsent;
}

const json::value& element(const json::array* array, std::size_t index) {
  return array != nullptr && index < array->size() ? (*array)[index] : kAbsent;
}

class Comparison {
 public:
  explicit Comparison(const OtherCommitment& other_commitment) : other_commitment_(other_commitment) {}

  void compare(const json::value& before, const json::value& after) {
    const json::object* old_fields = fields_of(before);
    const json::object* new_fields = fields_of(after);
    if ((old_fields != nullptr || before.is_null()) && (new_fields != nullptr || after.is_null())) {
      compare_members(old_fields, new_fields);
      return;
    }
    const json::array* old_list = before.if_array();
    const json::array* new_list = after.if_array();
    if (old_list != nullptr && new_list != nullptr) {
      compare_elements(*old_list, *new_list);
      return;
    }
    const bool same_looks = before == after;
    if (same_looks && !(is_commitment(before) && other_commitment_(pointer_))) return;
    found.push_back({pointer_, before, after});
  }

  std::vector<FieldDifference> found;

 private:
  void compare_members(const json::object* before, const json::object* after) {
    if (after != nullptr) {
      for (const auto& [name, value] : *after) step(name, member(before, name), value);
    }
    if (before == nullptr) return;
    for (const auto& [name, value] : *before) {
      if (after == nullptr || !after->contains(name)) step(name, value, kAbsent);
    }
  }

  void compare_elements(const json::array& before, const json::array& after) {
    for (std::size_t i = 0; i < std::max(before.size(), after.size()); ++i)
      step(std::to_string(i), element(&before, i), element(&after, i));
  }

  void step(std::string_view name, const json::value& before, const json::value& after) {
    const std::size_t here = pointer_.size();
    pointer_ += '/';
    for (const char c : name) {
      if (c == '~') {
        pointer_ += "~0";
      } else if (c == '/') {
        pointer_ += "~1";
      } else {
        pointer_ += c;
      }
    }
    compare(before, after);
    pointer_.resize(here);
  }

  const OtherCommitment& other_commitment_;
  std::string pointer_;
};

}  // namespace

std::vector<FieldDifference> differences(const boost::json::value& before, const boost::json::value& after,
                                         const OtherCommitment& other_commitment) {
  Comparison comparison(other_commitment);
  comparison.compare(before, after);
  return std::move(comparison.found);
}

}  // namespace ledger::server
