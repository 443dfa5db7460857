// Events with their private values open: how long they are kept, and how the values are hidden for a while.
#include "events/store/opened_events.hpp"

#include <catch2/catch.hpp>

#include "events/store/sealed_row.hpp"

using namespace ledger;
using namespace ledger::store;

namespace {

Private text(std::string value) {
  return Private::of(std::move(value));
}

OpenedEvent draft(std::uint64_t position, std::string form) {
  OpenedEvent made;
  made.event.header.position = Position{position};
  made.event.payload = DraftSaved{.subject_id = {}, .attempt = 1, .form = Private::of(std::move(form))};
  return made;
}

std::string form_in(const OpenedEvent* opened) {
  return opened != nullptr ? std::get<DraftSaved>(opened->event.payload).form.value.value_or("none") : "";
}

}  // namespace

TEST_CASE("the newest events are kept, as many as there are slots, each found by its own position only") {
  OpenedEvents events(4, 1'000);
  CHECK(events.find(0) == nullptr);
  for (std::uint64_t at = 0; at < 10; ++at) {
    CHECK(form_in(&events.put(at, draft(at, "form " + std::to_string(at)), 10)) ==
          "form " + std::to_string(at));
  }
  for (std::uint64_t at = 0; at < 6; ++at) CHECK(events.find(at) == nullptr);
  for (std::uint64_t at = 6; at < 10; ++at) CHECK(form_in(events.find(at)) == "form " + std::to_string(at));
  CHECK(events.find(10) == nullptr);
  // An older one that is opened again takes the place of one newer.
  (void)events.put(2, draft(2, "again"), 10);
  CHECK(form_in(events.find(2)) == "again");
  CHECK(events.find(6) == nullptr);
  events.clear();
  for (std::uint64_t at = 0; at < 10; ++at) CHECK(events.find(at) == nullptr);
}

TEST_CASE("opened events take no more bytes than they may, and one too large is kept alone") {
  OpenedEvents events(8, 100);
  (void)events.put(0, draft(0, "a"), 60);
  (void)events.put(1, draft(1, "b"), 40);
  CHECK(form_in(events.find(0)) == "a");
  // In the place of itself it takes no room twice.
  (void)events.put(1, draft(1, "c"), 0);
  (void)events.put(1, draft(1, "d"), 40);
  CHECK(form_in(events.find(0)) == "a");
  (void)events.put(2, draft(2, "e"), 1);
  CHECK(events.find(0) == nullptr);
  CHECK(form_in(events.find(2)) == "e");
  CHECK(form_in(&events.put(3, draft(3, "large"), 1'000)) == "large");
  CHECK(events.find(2) == nullptr);
  (void)events.put(4, draft(4, "f"), 1);
  CHECK(events.find(3) == nullptr);
}

TEST_CASE("hidden values are away for as long as they are hidden, and then where they were") {
  FilingSubmitted submitted;
  submitted.information.algorithm_name = "公开";
  submitted.information.application_field = text("领域");
  submitted.information.details.model.committed = true;  // to a value that could not be opened
  submitted.information.details.strategy = text("策略");
  submitted.information.technical_service = text("");
  Payload payload = submitted;
  {
    const HiddenValues hidden(payload);
    const auto& information = std::get<FilingSubmitted>(payload).information;
    CHECK(information.algorithm_name == "公开");
    CHECK_FALSE(information.application_field.value);
    CHECK(information.application_field.committed);
    CHECK_FALSE(information.details.strategy.value);
    CHECK_FALSE(information.technical_service.value);
    CHECK(codec::private_values(payload).empty());
  }
  const auto& information = std::get<FilingSubmitted>(payload).information;
  CHECK(information.application_field == text("领域"));
  CHECK(information.details.model == Private{{}, true});
  CHECK(information.details.strategy == text("策略"));
  CHECK(information.details.data == Private{});
  CHECK(information.technical_service == text(""));
}

TEST_CASE("values in a list are hidden too") {
  Payload payload = FilingRejected{
      .attempt = 1, .reasons = {{"a", "/x", text("一")}, {"b", "/y", {}}, {"c", "/z", text("三")}}};
  const auto reasons = std::get<FilingRejected>(payload).reasons;
  {
    const HiddenValues hidden(payload);
    CHECK(codec::private_values(payload).empty());
    CHECK(std::get<FilingRejected>(payload).reasons[2].note == Private{{}, true});
  }
  CHECK(std::get<FilingRejected>(payload).reasons == reasons);
}
