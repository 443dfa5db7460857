// The forms of DESIGN section 8 from and to JSON: as they are sent, as they are answered (what a reader gets
// back can be sent unchanged), and as they were sealed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/forms.hpp"
#include "events/core/refusal.hpp"

namespace boost::json {
class value;
}

namespace ledger::codec {

/// Reads a form that was sent. Any part may be missing or null; what is there is held to its type, length
/// (limits.hpp) and code list, and unknown members are refused. Errors go to `errors` with pointers that
/// start with `pointer`; the answer then holds the parts that were right. Whether a form is complete, and
/// whether credit code and region are real, is for `decide` to say. Any thread.
[[nodiscard]] FilingForm read_filing_form(const boost::json::value& value, const std::string& pointer,
                                          std::vector<FieldError>& errors);
[[nodiscard]] SubjectForm read_subject_form(const boost::json::value& value, const std::string& pointer,
                                            std::vector<FieldError>& errors);
[[nodiscard]] ContactForm read_contact_form(const boost::json::value& value, const std::string& pointer,
                                            std::vector<FieldError>& errors);

/// The form as a JSON object, for answers (include boost/json/value.hpp to use it).
[[nodiscard]] boost::json::value to_json(const FilingForm& form);
[[nodiscard]] boost::json::value to_json(const FilingForm::Scope& scope);
[[nodiscard]] boost::json::value to_json(const SubjectForm& form);
[[nodiscard]] boost::json::value to_json(const ContactForm& form);

/// Reads a filing form that was sealed (events/core/form_text.hpp writes it), at any time: only shape, types
/// and code lists count, not today's limits. nullopt for anything else. So do the readers below.
[[nodiscard]] std::optional<FilingForm> parse_filing_form(std::string_view text);
/// The selector lists of a submission, which have no technical service: that is a value of its own.
[[nodiscard]] std::optional<FilingForm::Scope> parse_scope(std::string_view text);
/// A JSON array of ids: `resolved_features`.
[[nodiscard]] std::optional<std::vector<Uuid>> parse_ids(std::string_view text);
/// A JSON array of texts: the steps of an access path.
[[nodiscard]] std::optional<std::vector<std::string>> parse_texts(std::string_view text);

}  // namespace ledger::codec
