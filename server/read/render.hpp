// Things and events as the JSON of DESIGN sections 6 and 8, each as one reader may see it. Pure: what is
// needed is handed in, read beforehand. Whatever was opened, a private value leaves here only where the sight
// opens it. Canonical: the same state and sight give the same bytes. Any thread.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "events/core/events.hpp"
#include "events/core/forms.hpp"
#include "events/core/states.hpp"
#include "projections/json_writer.hpp"
#include "server/read/dating.hpp"
#include "server/read/visibility.hpp"

namespace ledger::server {

/// One event as CloudEvents 1.0 JSON (structured mode; https://github.com/cloudevents/spec, v1.0.2): the
/// attributes of DESIGN section 6, and as extensions `streamversion`, `actorrole`, `actorprincipal` (where
/// the sight names principals), `commandid`, `effectiveon` (where there is one). `sight` is sight_of_event
/// and not `none`.
[[nodiscard]] std::string render_cloud_event(const Event& event, std::string_view origin, Sight sight);

/// The payload alone, as `data` shows it: members in the order of `fields`; a private value as itself or as
/// {"committed":true}, absent where the event has none.
void write_payload(projections::JsonWriter& json, const Payload& payload, Sight sight);

/// What is told of a filing, besides its state. Null pointers where there is no such event or the state names
/// none.
struct FilingParts {
  const FilingState& state;
  const Event* form = nullptr;      ///< the draft or submission that counts now: form_position(state)
  const Event* decision = nullptr;  ///< at state.decision_position
  const Event* change = nullptr;    ///< at state.change_position
  const Event* cancellation = nullptr;
  const Event* submission = nullptr;        ///< at state.submission_position
  std::optional<Date> first_filed_on = {};  ///< the day of the first submission
  const Dating* dating = nullptr;           ///< null: nothing is dated, every due date is null
};

/// Where a filing's current form stands; nullopt for an imported record.
[[nodiscard]] std::optional<std::uint64_t> form_position(const FilingState& state);

/// `GET /v1/filings/{id}`.
[[nodiscard]] std::string render_filing(const FilingParts& parts, Sight sight);

/// One item of `GET /v1/filings`. `algorithm_name` is that of the last submission; where there was none, the
/// name in the draft, which only its owner is shown: `draft_name`.
void write_filing_item(projections::JsonWriter& json, const FilingState& state,
                       const std::optional<std::string>& draft_name);

/// One item of the draft box: the draft's name, when it was saved, and which of the three written steps are
/// complete (the fourth is the declaration).
void write_draft_item(projections::JsonWriter& json, const FilingState& state, const FilingForm& form);

struct SubjectParts {
  const SubjectState& state;
  const Event* registration = nullptr;  ///< at state.registration_position
  const Event* information = nullptr;   ///< at state.information_position
  const Event* decision = nullptr;      ///< at state.decision_position
  const Event* change = nullptr;        ///< at state.change_position
};

/// `GET /v1/subjects/{id}`.
[[nodiscard]] std::string render_subject(const SubjectParts& parts, Sight sight);

/// One item of `GET /v1/subjects`: what stands in clear.
void write_subject_item(projections::JsonWriter& json, const SubjectState& state);

/// The private value of field `field` in the event at `position`: nullopt where it cannot be opened.
using OpenText = std::function<std::optional<std::string>(std::uint64_t position, std::uint32_t field)>;

/// One item of `GET /v1/subjects/{id}/products`: the product with its paths and features. `open` is asked
/// only where the sight opens private values.
void write_product(projections::JsonWriter& json, const ProductState& product, const OpenText& open,
                   Sight sight);

}  // namespace ledger::server
