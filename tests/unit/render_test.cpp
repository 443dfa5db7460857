// What leaves the house: every event and every thing, rendered for every kind of reader, shows private values
// to those who may see them and to nobody else.
#include "server/read/render.hpp"

#include <set>
#include <utility>

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "events/codec/form_json.hpp"
#include "events/core/calendars.hpp"
#include "events/core/form_text.hpp"
#include "server/read/timeline_json.hpp"

using namespace ledger;
using namespace ledger::server;
namespace json = boost::json;

namespace {

constexpr Sight kAllSights[] = {Sight::public_, Sight::own, Sight::case_, Sight::committed};

/// A private value that was opened.
Private opened(std::string text) {
  return Private::of(std::move(text));
}

Uuid id(std::uint8_t last) {
  Uuid uuid;
  uuid.bytes[0] = 0xAB;
  uuid.bytes[15] = last;
  return uuid;
}

const Uuid kPrincipal = id(77);

/// No calendar, and the first day that there is.
const Dating kUndated{std::make_shared<const WorkingCalendar>(), Date{0}};

/// Fills whatever lists its fields: clear ones with something valid, private ones with a marker that names
/// them.
class Filler {
 public:
  template <typename T>
  void field(unsigned, std::string_view name, T& member) {
    fill(name, member);
  }
  void hidden(std::uint32_t number, std::string_view name, Private& member) {
    const std::string marker = "PRIVATE-" + std::to_string(number) + "-" + std::string(name);
    switch (number) {
      case field::kDraftForm: member = opened("{\"purpose\":\"" + marker + "\"}"); break;
      case field::kScope: member = opened("{\"products\":[\"" + marker + "\"]}"); break;
      case field::kPathSteps:
      case field::kResolvedFeatures: member = opened("[\"" + marker + "\"]"); break;
      default: member = opened(marker);
    }
    markers.insert(marker);
  }
  template <typename G>
  void group(std::string_view, G& member) {
    G::fields(member, *this);
  }

  std::set<std::string> markers;

 private:
  template <typename T>
  void fill(std::string_view name, T& value) {
    if constexpr (requires { T::fields(value, *this); }) {
      T::fields(value, *this);
    } else if constexpr (std::is_same_v<T, std::string>) {
      value = "clear \"" + std::string(name) + "\" 明文";
    } else if constexpr (std::is_same_v<T, Uuid>) {
      value = id(5);
    } else if constexpr (std::is_same_v<T, Digest>) {
      value.bytes.fill(0x5A);
    } else if constexpr (std::is_same_v<T, Date>) {
      value.days = 20'000;
    } else if constexpr (std::is_same_v<T, TimestampUs>) {
      value.value = 1'700'000'000'000'000;
    } else if constexpr (std::is_same_v<T, bool>) {
      value = true;
    } else {
      value = static_cast<T>(1);
    }
  }
  template <typename T>
  void fill(std::string_view name, std::optional<T>& value) {
    value.emplace();
    fill(name, *value);
  }
  template <typename T>
  void fill(std::string_view name, std::vector<T>& values) {
    values.resize(2);
    for (T& value : values) fill(name, value);
  }
};

template <std::size_t... I>
std::vector<Payload> one_of_each(std::index_sequence<I...>) {
  return {Payload(std::in_place_index<I>)...};
}

std::vector<Payload> one_of_each() {
  return one_of_each(std::make_index_sequence<std::variant_size_v<Payload>>());
}

/// The markers of a payload, after filling it.
std::set<std::string> fill(Payload& payload) {
  Filler filler;
  std::visit([&](auto& event) { std::decay_t<decltype(event)>::fields(event, filler); }, payload);
  return filler.markers;
}

/// The same event as it is read without opening: commitments only.
class Closer {
 public:
  template <typename T>
  void field(unsigned, std::string_view, T& member) {
    if constexpr (requires { T::fields(member, *this); }) {
      T::fields(member, *this);
    } else if constexpr (std::is_same_v<T, std::vector<Reason>>) {
      for (Reason& reason : member) Reason::fields(reason, *this);
    }
  }
  void hidden(std::uint32_t, std::string_view, Private& member) { member.value.reset(); }
  template <typename G>
  void group(std::string_view, G& member) {
    G::fields(member, *this);
  }
};

Event event_with(Payload payload) {
  Event event;
  event.header.position = {41};
  event.header.version = 7;
  event.header.stream = {StreamKind::filing, id(9)};
  event.header.recorded_at = {1'700'000'000'123'456};
  event.header.actor = {kPrincipal, Role::reviewer};
  event.header.command_id = id(8);
  event.payload = std::move(payload);
  return event;
}

std::size_t count(std::string_view text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
  return found;
}

json::object parsed(const std::string& text) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  INFO(text);
  REQUIRE_FALSE(error);
  REQUIRE(value.is_object());
  return value.as_object();
}

FilingInformation information() {
  FilingInformation info;
  info.algorithm_name = "示例推荐算法";
  info.algorithm_type = AlgorithmType::personalized_push;
  info.role = AlgorithmRole::provider;
  info.purpose = "应用于资讯推荐场景";
  info.application_field = opened("资讯");
  info.launched_on = opened("2026-10-01");
  info.documents.self_assessment_report = opened("sha256:" + std::string(64, 'a'));
  info.documents.public_disclosure = opened("sha256:" + std::string(64, 'b'));
  info.details = {opened("数据"), opened("模型"), opened("策略"), opened("风险")};
  info.scope = opened(scope_text({.products = std::vector{id(1)},
                                  .access_paths = std::vector<Uuid>{},
                                  .features = std::vector<Uuid>{},
                                  .technical_service = {}}));
  info.resolved_features = opened(ids_text(std::vector{id(2), id(3)}));
  return info;
}

FilingState filing_state() {
  FilingState state;
  state.id = id(9);
  state.version = 5;
  state.position = 99;
  state.subject_id = id(4);
  state.status = FilingStatus::in_review;
  state.attempt = 1;
  state.submission_position = 50;
  state.algorithm_name = "示例推荐算法";
  state.algorithm_type = AlgorithmType::personalized_push;
  state.role = AlgorithmRole::provider;
  state.reviewer = kPrincipal;
  return state;
}

}  // namespace

TEST_CASE("no event shows a private value to whom it is closed, and every one to whom it is open") {
  std::size_t with_private = 0;
  for (Payload& payload : one_of_each()) {
    const std::set<std::string> markers = fill(payload);
    with_private += markers.empty() ? 0 : 1;
    const Event event = event_with(payload);
    for (const Sight sight : kAllSights) {
      const std::string text = render_cloud_event(event, "ledger.example", sight);
      CAPTURE(text, static_cast<int>(sight));
      (void)parsed(text);
      if (opens_private(sight)) {
        for (const std::string& marker : markers) CHECK(text.find(marker) != text.npos);
        CHECK(text.find("committed") == text.npos);
      } else {
        CHECK(text.find("PRIVATE") == text.npos);
        CHECK((count(text, R"({"committed":true})") > 0) == !markers.empty());
      }
    }
  }
  CHECK(with_private > 15);
}

TEST_CASE("a value that could not be opened is a commitment for everybody") {
  for (Payload& payload : one_of_each()) {
    const std::size_t markers = fill(payload).size();
    Closer closer;
    std::visit([&](auto& event) { std::decay_t<decltype(event)>::fields(event, closer); }, payload);
    const std::string text = render_cloud_event(event_with(payload), "ledger.example", Sight::own);
    CAPTURE(text);
    (void)parsed(text);
    CHECK(text.find("PRIVATE") == text.npos);
    CHECK((text.find("committed") != text.npos) == (markers > 0));
  }
}

TEST_CASE("an event without private values leaves them out") {
  for (const Payload& payload : one_of_each()) {
    const std::string text = render_cloud_event(event_with(payload), "o", Sight::committed);
    CAPTURE(text);
    (void)parsed(text);
    CHECK(text.find("committed\":true") == text.npos);
  }
}

TEST_CASE("principals are named to staff only") {
  for (const Sight sight : kAllSights) {
    const json::object event = parsed(render_cloud_event(event_with(ReviewStarted{}), "o", sight));
    CHECK(event.at("actorrole").as_string() == "reviewer");
    CHECK(event.contains("actorprincipal") == names_principals(sight));
    if (names_principals(sight)) CHECK(event.at("actorprincipal").as_string() == kPrincipal.text());
  }
}

TEST_CASE("the digest of a token is in no rendered event") {
  AccessGranted granted;
  granted.token_digest.bytes.fill(0xEE);
  SubjectRegistered registered;
  registered.token_digest.bytes.fill(0xEE);
  for (const Payload& payload : {Payload(granted), Payload(registered)}) {
    CHECK(render_cloud_event(event_with(payload), "o", Sight::case_).find("eeee") == std::string::npos);
  }
}

TEST_CASE("an event is a CloudEvent with the attributes of the contract") {
  NumberAssigned number;
  number.prefix = "演示备";
  number.digits = "110108100000102600019";
  number.algorithm_type = AlgorithmType::personalized_push;
  Event event = event_with(number);
  event.header.effective_on = Date::parse("2026-10-02");
  const json::object rendered = parsed(render_cloud_event(event, "ledger.example/2026", Sight::committed));
  CHECK(rendered.at("specversion").as_string() == "1.0");
  CHECK(rendered.at("id").as_string() == "ledger.example/2026/41");
  CHECK(rendered.at("source").as_string() == "ledger.example/2026");
  CHECK(rendered.at("type").as_string() == "number.assigned");
  CHECK(std::string_view(rendered.at("subject").as_string()) == "filing/" + id(9).text());
  CHECK(rendered.at("time").as_string() == "2023-11-14T22:13:20.123456Z");
  CHECK(rendered.at("sequence").as_string() == "41");
  CHECK(rendered.at("datacontenttype").as_string() == "application/json");
  CHECK(rendered.at("streamversion").to_number<int>() == 7);
  CHECK(rendered.at("effectiveon").as_string() == "2026-10-02");
  CHECK(rendered.at("data").as_object().at("digits").as_string() == "110108100000102600019");
  CHECK(rendered.at("data").as_object().at("algorithm_type").as_string() == "personalized_push");
  // CloudEvents 1.0, section "Naming Conventions": lower-case letters and digits.
  for (const auto& member : rendered) {
    for (const char c : std::string_view(member.key()))
      CHECK(((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')));
  }
}

TEST_CASE("values that are JSON stand in an event as JSON") {
  const json::object data =
      parsed(render_cloud_event(event_with(AccessPathAdded{id(1), opened(R"(["首页","推荐"])")}), "o",
                                Sight::own))
          .at("data")
          .as_object();
  REQUIRE(data.at("steps").is_array());
  CHECK(data.at("steps").as_array().at(1).as_string() == "推荐");
  const json::object draft = parsed(render_cloud_event(
      event_with(DraftSaved{id(1), 1, opened(R"({"algorithm_name":"算法"})")}), "o", Sight::own));
  CHECK(draft.at("data").as_object().at("form").as_object().at("algorithm_name").as_string() == "算法");
}

TEST_CASE("the form of a submitted filing can be sent back unchanged") {
  FilingSubmitted submitted;
  submitted.information = information();
  const Event event = event_with(submitted);
  const json::object filing = parsed(render_filing({filing_state(), &event}, Sight::own));
  std::vector<FieldError> errors;
  const FilingForm form = codec::read_filing_form(filing.at("form"), "", errors);
  CHECK(errors.empty());
  CHECK(form.algorithm_name == "示例推荐算法");
  CHECK(form.role == AlgorithmRole::provider);
  REQUIRE(form.basic);
  CHECK(form.basic->algorithm_type == AlgorithmType::personalized_push);
  CHECK(form.basic->launched_on == Date::parse("2026-10-01"));
  REQUIRE(form.basic->documents);
  CHECK(form.basic->documents->public_disclosure);
  REQUIRE(form.details);
  CHECK(form.details->risk_and_prevention == "风险");
  REQUIRE(form.scope);
  CHECK(form.scope->products == std::vector{id(1)});
  CHECK_FALSE(form.scope->technical_service);
  CHECK(filing.at("resolved_features").as_array().size() == 2);
}

TEST_CASE("a technical supporter's service stands in the scope, quotes and all") {
  FilingSubmitted submitted;
  submitted.information = information();
  submitted.information.technical_service = opened("提供\"接口\"\n与支持");
  for (const char* scope : {R"({"products":[],"access_paths":[],"features":[]})", "{}"}) {
    submitted.information.scope = opened(scope);
    const Event event = event_with(submitted);
    const json::object filing = parsed(render_filing({filing_state(), &event}, Sight::own));
    CHECK(filing.at("form").as_object().at("scope").as_object().at("technical_service").as_string() ==
          "提供\"接口\"\n与支持");
  }
}

TEST_CASE("a filing shows nothing private to those who only watch") {
  Payload submitted(std::in_place_type<FilingSubmitted>), rejected(std::in_place_type<FilingRejected>),
      change(std::in_place_type<ChangeSubmitted>), request(std::in_place_type<CancellationRequested>),
      draft(std::in_place_type<DraftSaved>);
  for (Payload* payload : {&submitted, &rejected, &change, &request, &draft}) (void)fill(*payload);
  const Event form = event_with(submitted), decision = event_with(rejected), changed = event_with(change),
              cancellation = event_with(request), drafted = event_with(draft);
  FilingState state = filing_state();
  state.change_position = 60;
  state.cancellation_position = 61;
  for (const Event* current : {&form, &drafted}) {
    const FilingParts parts{state, current, &decision, &changed, &cancellation, &form, {}, &kUndated};
    for (const Sight sight : kAllSights) {
      const std::string text = render_filing(parts, sight);
      CAPTURE(text);
      (void)parsed(text);
      CHECK((text.find("PRIVATE") != text.npos) == opens_private(sight));
      CHECK((text.find(kPrincipal.text()) != text.npos) == names_principals(sight));
    }
  }
}

TEST_CASE("a filing is told as the contract says, with null where nothing applies yet") {
  const json::object empty = parsed(render_filing({filing_state()}, Sight::committed));
  for (const char* name :
       {"id", "subject_id", "version", "position", "state", "attempt", "rejections", "form",
        "resolved_features", "number", "published", "due_on", "overdue", "reasons", "warnings"}) {
    CAPTURE(name);
    CHECK(empty.contains(name));
  }
  CHECK(empty.at("version").to_number<int>() == 5);
  CHECK(empty.at("position").to_number<int>() == 99);
  CHECK(empty.at("state").as_string() == "in_review");
  for (const char* name : {"number", "published", "due_on", "overdue", "first_filing"})
    CHECK(empty.at(name).is_null());

  FilingState state = filing_state();
  state.status = FilingStatus::published;
  state.number = "演示备110108100000102600019号";
  state.public_record.emplace();
  state.public_record->series = Series::algorithm;
  state.public_record->batch = 3;
  state.public_record->announced_on = Date::parse("2026-11-01");
  FilingSubmitted unchanged;
  unchanged.unchanged = true;
  const Event form = event_with(unchanged);
  const json::object filing = parsed(render_filing({state, &form}, Sight::own));
  CHECK(filing.at("number").as_string() == "演示备110108100000102600019号");
  CHECK(filing.at("published").as_object().at("series").as_string() == "algorithm");
  CHECK(filing.at("published").as_object().at("batch").to_number<int>() == 3);
  CHECK(filing.at("published").as_object().at("announced_on").as_string() == "2026-11-01");
  CHECK(filing.at("warnings").as_array().at(0).as_object().at("code").as_string() == "unchanged");
}

TEST_CASE("an imported record has neither subject nor form") {
  FilingState state;
  state.id = id(9);
  state.status = FilingStatus::published;
  state.imported = true;
  const json::object filing = parsed(render_filing({state}, Sight::committed));
  CHECK(filing.at("subject_id").is_null());
  CHECK(filing.at("form").is_null());
}

TEST_CASE("the reasons of the last rejection come with their titles in both languages") {
  FilingRejected rejected;
  rejected.reasons = {{"mechanism_vague", "/details/model", opened("缺流程图")}};
  const Event decision = event_with(rejected);
  const json::object filing = parsed(render_filing({filing_state(), nullptr, &decision}, Sight::own));
  const json::object reason = filing.at("reasons").as_array().at(0).as_object();
  CHECK(reason.at("code").as_string() == "mechanism_vague");
  CHECK(reason.at("field").as_string() == "/details/model");
  CHECK(reason.at("note").as_string() == "缺流程图");
  CHECK_FALSE(reason.at("title").as_object().at("zh").as_string().empty());
  CHECK_FALSE(reason.at("title").as_object().at("en").as_string().empty());
  const json::object watched = parsed(render_filing({filing_state(), nullptr, &decision}, Sight::committed));
  CHECK(watched.at("reasons").as_array().at(0).as_object().at("note").as_object().at("committed").as_bool());
}

TEST_CASE("an approval leaves no reasons standing") {
  const Event decision = event_with(FilingApproved{});
  CHECK(parsed(render_filing({filing_state(), nullptr, &decision}, Sight::own))
            .at("reasons")
            .as_array()
            .empty());
}

TEST_CASE("a draft's own filer sees the draft's name, others the name last submitted") {
  FilingState state = filing_state();
  state.status = FilingStatus::draft;
  state.draft_is_current = true;
  state.draft_position = 70;
  CHECK(form_position(state) == 70);
  const Event draft = event_with(DraftSaved{id(4), 2, opened(R"({"algorithm_name":"新名"})")});
  CHECK(parsed(render_filing({state, &draft}, Sight::own)).at("algorithm_name").as_string() == "新名");
  CHECK(parsed(render_filing({state, &draft}, Sight::case_)).at("algorithm_name").as_string() ==
        "示例推荐算法");
}

TEST_CASE(
    "the current form is the draft while it is newer, else the submission, else the draft that was "
    "withdrawn") {
  FilingState state;
  CHECK_FALSE(form_position(state));
  state.draft_position = 3;
  CHECK(form_position(state) == 3);
  state.submission_position = 4;
  CHECK(form_position(state) == 4);
  state.draft_is_current = true;
  CHECK(form_position(state) == 3);
}

TEST_CASE("a subject's form can be sent back, its numbers are numbers") {
  SubjectSubmitted submitted;
  Payload payload(submitted);
  (void)fill(payload);
  SubjectInformation& info = std::get<SubjectSubmitted>(payload).information;
  info.organization_name = "示例科技有限公司";
  info.credit_code = "91110108MA01EXAMPL";
  info.region = "110108";
  info.daily_visits = opened("120000");
  info.documents.commitment_letter = opened("sha256:" + std::string(64, 'a'));
  info.documents.responsibility_statement = opened("sha256:" + std::string(64, 'b'));
  const Event event = event_with(payload);
  SubjectState state;
  state.id = id(4);
  state.status = SubjectStatus::submitted;
  const json::object subject = parsed(render_subject({state, nullptr, &event}, Sight::own));
  CHECK(subject.at("form").as_object().at("daily_visits").to_number<int>() == 120'000);
  CHECK(subject.at("form").as_object().at("confirmed").as_bool());
  std::vector<FieldError> errors;
  const SubjectForm form = codec::read_subject_form(subject.at("form"), "", errors);
  for (const FieldError& error : errors) CHECK(error.code != "unknown_field");
  CHECK(form.organization_name == "示例科技有限公司");
  CHECK(form.daily_visits == 120'000);
}

TEST_CASE("a subject shows its people to its filer and reviewers only") {
  Payload registered(std::in_place_type<SubjectRegistered>), submitted(std::in_place_type<SubjectSubmitted>),
      rejected(std::in_place_type<SubjectRejected>), change(std::in_place_type<SubjectChangeSubmitted>);
  for (Payload* payload : {&registered, &submitted, &rejected, &change}) (void)fill(*payload);
  const Event a = event_with(registered), b = event_with(submitted), c = event_with(rejected),
              d = event_with(change);
  SubjectState state;
  state.id = id(4);
  state.status = SubjectStatus::rejected;
  state.initial_reviewer = kPrincipal;
  state.change_position = 9;
  for (const Sight sight : kAllSights) {
    const std::string text = render_subject({state, &a, &b, &c, &d}, sight);
    CAPTURE(text);
    (void)parsed(text);
    CHECK((text.find("PRIVATE") != text.npos) == opens_private(sight));
    CHECK((text.find(kPrincipal.text()) != text.npos) == names_principals(sight));
  }
}

TEST_CASE("a product tree is opened for those who may, and never asked for by the others") {
  ProductState product;
  product.id = id(1);
  product.form = ProductForm::app;
  product.name_position = 10;
  product.paths = {{id(2), 11, {{id(3), 12}}}};
  for (const Sight sight : kAllSights) {
    int asked = 0;
    std::string text;
    projections::JsonWriter writer(text);
    const OpenText open = [&](std::uint64_t position, std::uint32_t field) -> std::optional<std::string> {
      ++asked;
      return field == field::kPathSteps ? "[\"首页\"]" : "PRIVATE" + std::to_string(position);
    };
    write_product(writer, product, open, sight);
    const json::object item = parsed(text);
    CHECK(asked == (opens_private(sight) ? 4 : 0));
    CHECK((text.find("PRIVATE") != text.npos) == opens_private(sight));
    const json::object path = item.at("access_paths").as_array().at(0).as_object();
    CHECK(path.at("steps").is_array() == opens_private(sight));
    CHECK(std::string_view(path.at("features").as_array().at(0).as_object().at("id").as_string()) ==
          id(3).text());
  }
}

TEST_CASE("the draft box says which steps are complete") {
  const auto steps = [](const FilingForm& form) {
    std::string text;
    projections::JsonWriter writer(text);
    write_draft_item(writer, filing_state(), form);
    const json::object item = parsed(text).at("steps").as_object();
    return std::string{item.at("basic").as_bool() ? 'b' : '-', item.at("details").as_bool() ? 'd' : '-',
                       item.at("scope").as_bool() ? 's' : '-'};
  };
  FilingForm form;
  CHECK(steps(form) == "---");
  form.algorithm_name = "名";
  form.role = AlgorithmRole::provider;
  form.purpose = "用途";
  form.basic = {AlgorithmType::personalized_push, "资讯", Date{20'000},
                FilingForm::Documents{Digest{}, Digest{}}};
  CHECK(steps(form) == "b--");
  form.details = {"a", "b", "c", ""};
  CHECK(steps(form) == "b--");
  form.details->risk_and_prevention = "d";
  CHECK(steps(form) == "bd-");
  form.scope.emplace();
  form.scope->technical_service = "服务";
  CHECK(steps(form) == "bd-");
  form.role = AlgorithmRole::technical_supporter;
  CHECK(steps(form) == "bds");
  form.role = AlgorithmRole::provider;
  form.scope->features = std::vector{id(1)};
  CHECK(steps(form) == "bds");
  form.basic->documents->public_disclosure.reset();
  CHECK(steps(form) == "-ds");
}

TEST_CASE("a timeline names who ended a stage by role, to staff by principal too") {
  projections::Visit queued;
  queued.stage = projections::Stage::queued;
  queued.attempt = 1;
  queued.left_at = TimestampUs{5};
  queued.outcome = projections::StageOutcome::started;
  queued.actor = Actor{kPrincipal, Role::reviewer};
  projections::Visit review;
  review.stage = projections::Stage::review;
  review.attempt = 1;
  for (const Sight sight : kAllSights) {
    const std::string text = render_timeline({queued, review}, 12, sight, kUndated);
    const json::object timeline = parsed(text);
    CHECK(timeline.at("position").to_number<int>() == 12);
    const json::object first = timeline.at("stages").as_array().at(0).as_object();
    CHECK(first.at("stage").as_string() == "queued");
    CHECK(first.at("outcome").as_string() == "started");
    CHECK(first.at("actor").as_object().at("role").as_string() == "reviewer");
    CHECK((text.find(kPrincipal.text()) != text.npos) == names_principals(sight));
    const json::object second = timeline.at("stages").as_array().at(1).as_object();
    for (const char* name : {"left_at", "outcome", "actor"}) CHECK(second.at(name).is_null());
  }
}

TEST_CASE("an attempt's stages share the clock of its submission; a stage that ended is judged by its end") {
  const auto at = [](const char* time) { return *TimestampUs::parse(time); };
  const auto visit = [&](projections::Stage stage, std::uint32_t attempt, const char* from, const char* to) {
    projections::Visit made;
    made.stage = stage;
    made.attempt = attempt;
    made.entered_at = at(from);
    if (to != nullptr) {
      made.left_at = at(to);
      made.outcome = projections::StageOutcome::started;
    }
    return made;
  };
  using projections::Stage;
  // 2025-01-24 + 30 = 2025-03-13 (DESIGN section 4); 17:00 UTC is the next day in Shanghai.
  const std::vector<projections::Visit> visits = {
      visit(Stage::drafting, 1, "2025-01-20T00:00:00Z", "2025-01-23T17:00:00Z"),
      visit(Stage::queued, 1, "2025-01-23T17:00:00Z", "2025-03-14T01:00:00Z"),
      visit(Stage::review, 1, "2025-03-14T01:00:00Z", "2025-03-14T02:00:00Z"),
      visit(Stage::rework, 2, "2025-03-14T02:00:00Z", "2025-03-17T02:00:00Z"),
      visit(Stage::queued, 2, "2025-03-17T02:00:00Z", "2025-03-18T02:00:00Z"),
      visit(Stage::review, 2, "2025-03-18T02:00:00Z", nullptr)};
  const Dating dating{std::make_shared<const WorkingCalendar>(shipped_calendars()),
                      *Date::parse("2025-03-20")};
  const json::array stages = parsed(render_timeline(visits, 12, Sight::own, dating)).at("stages").as_array();
  const auto member = [&](std::size_t i, const char* name) { return stages.at(i).as_object().at(name); };
  CHECK(member(0, "due_on").is_null());
  CHECK(member(0, "overdue").is_null());
  CHECK(member(0, "working_days").to_number<int>() == 4);
  CHECK(member(1, "due_on").as_string() == "2025-03-13");
  CHECK(member(1, "working_days").to_number<int>() == 31);
  CHECK(member(1, "overdue").as_bool());
  CHECK(member(2, "due_on").as_string() == "2025-03-13");
  CHECK(member(2, "working_days").to_number<int>() == 0);
  CHECK(member(2, "overdue").as_bool());
  CHECK_FALSE(member(2, "due_provisional").as_bool());
  CHECK(member(3, "due_on").is_null());
  CHECK(member(3, "working_days").to_number<int>() == 1);
  CHECK(member(4, "due_on") == member(5, "due_on"));
  CHECK_FALSE(member(4, "overdue").as_bool());
  CHECK(member(5, "working_days").to_number<int>() == 2);
}

TEST_CASE("what a change and a cancellation were due by stands beside when they were filed") {
  const Dating dating{std::make_shared<const WorkingCalendar>(shipped_calendars()),
                      *Date::parse("2026-06-01")};
  FilingState state = filing_state();
  state.status = FilingStatus::published;
  ChangeSubmitted change;
  change.change = 1;
  change.changed_on = Date::parse("2025-09-25");  // + 10 = 2025-10-15
  Event changed = event_with(change);
  changed.header.recorded_at = *TimestampUs::parse("2025-10-15T15:59:59Z");
  CancellationRequested request;
  request.ended_on = Date::parse("2026-04-29");  // + 20 = 2026-05-29
  Event requested = event_with(request);
  requested.header.recorded_at = *TimestampUs::parse("2026-05-29T16:00:00Z");
  const json::object filing = parsed(render_filing(
      {.state = state, .change = &changed, .cancellation = &requested, .dating = &dating}, Sight::committed));
  const json::object shown_change = filing.at("change").as_object();
  CHECK(shown_change.at("due_on").as_string() == "2025-10-15");
  CHECK(shown_change.at("filed_on").as_string() == "2025-10-15");
  CHECK_FALSE(shown_change.at("late").as_bool());
  const json::object shown_request = filing.at("cancellation_request").as_object();
  CHECK(shown_request.at("ended_on").as_string() == "2026-04-29");
  CHECK(shown_request.at("due_on").as_string() == "2026-05-29");
  CHECK(shown_request.at("filed_on").as_string() == "2026-05-30");
  CHECK(shown_request.at("late").as_bool());
  // No review is under way any more.
  CHECK(filing.at("due_on").is_null());
  CHECK(filing.at("overdue").is_null());

  request.ended_on.reset();
  requested = event_with(request);
  const json::object undated =
      parsed(render_filing({.state = state, .cancellation = &requested, .dating = &dating}, Sight::own))
          .at("cancellation_request")
          .as_object();
  CHECK(undated.at("due_on").is_null());
  CHECK(undated.at("late").is_null());
}
