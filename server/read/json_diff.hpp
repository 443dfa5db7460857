// What differs between two JSON values, field by field. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

namespace ledger::server {

/// One field that differs. What is not there is null.
struct FieldDifference {
  std::string pointer;  ///< JSON Pointer (RFC 6901)
  boost::json::value before, after;
};

/// Whether two committed values, which look the same on both sides, are commitments to different events.
/// Asked with the pointer.
using OtherCommitment = std::function<bool(std::string_view pointer)>;

/// The fields that differ, in the order in which they stand, those that are gone last. Objects are compared
/// member by member, also with what is not there; lists element by element; anything else, and
/// `{"committed":true}`, as a whole.
[[nodiscard]] std::vector<FieldDifference> differences(const boost::json::value& before,
                                                       const boost::json::value& after,
                                                       const OtherCommitment& other_commitment);

}  // namespace ledger::server
