// Random command sequences against the invariants of the state machine. The seed is printed; LEDGER_SEED
// repeats it.
#include <cstdlib>
#include <map>
#include <random>

#include "events/core/filing_number.hpp"
#include "tests/support/core_story.hpp"

using namespace ledger;
using namespace ledger::test;

namespace {

std::uint64_t seed() {
  if (const char* given = std::getenv("LEDGER_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

/// A crowd that asks for whatever comes to its mind, legal or not.
class Crowd {
 public:
  explicit Crowd(std::uint64_t seed) : random_(seed) {
    for (const Role role :
         {Role::initial_reviewer, Role::reviewer, Role::reviewer, Role::registrar, Role::supervisor}) {
      staff_.push_back(story_.ledger.staff(role));
    }
    // Some hold two roles, so that four eyes have something to see.
    for (int i = 0; i < 3; ++i) {
      const Person person = pick(staff_);
      const Role role = pick(std::vector{Role::reviewer, Role::registrar, Role::initial_reviewer});
      if (story_.ledger.run(GrantAccess{person.principal.text(), role, {}, {}}, story_.ledger.admin())) {
        staff_.push_back({person.principal, role, {}});
      }
    }
    subjects_.push_back(story_.subject);
    story_.qualify();
    products_.push_back(story_.plant().product);
  }

  MemoryLedger& ledger() { return story_.ledger; }

  /// One random request; true when it was accepted.
  bool act() {
    story_.ledger.now.value += 1 + static_cast<std::int64_t>(random_() % 86'400'000'000);
    const Command command = any_command();
    const auto person = story_.ledger.run(command, any_person(command));
    if (!person) return false;
    if (std::holds_alternative<RegisterSubject>(command)) subjects_.push_back(person->id);
    if (std::holds_alternative<AddProduct>(command)) products_.push_back(person->id);
    if (std::holds_alternative<CreateFiling>(command)) filings_.push_back(person->id);
    return true;
  }

 private:
  template <typename T>
  T pick(const std::vector<T>& from) {
    return from.empty() ? T{} : from[random_() % from.size()];
  }
  bool chance(unsigned percent) { return random_() % 100 < percent; }

  Person any_person(const Command& command) {
    // Mostly somebody who may, sometimes anybody.
    std::vector<Person> all = staff_;
    for (const Uuid& subject : subjects_) all.push_back(story_.ledger.filer_of(subject));
    all.push_back(story_.ledger.admin());
    all.push_back(Person{});
    if (chance(10)) return pick(all);
    std::vector<Person> able;
    for (const Person& person : all) {
      Context context;
      context.actor = {person.principal, person.role};
      context.filer_subject = person.subject;
      context.now = story_.ledger.now;
      if (!authorize(command, story_.ledger, context)) able.push_back(person);
    }
    return pick(able);
  }

  FilingForm any_form(const Uuid& subject) {
    std::vector<Uuid> features;
    for (const ProductState& product : kept(story_.ledger.products_of(subject))) {
      for (const AccessPathState& path : product.paths) {
        for (const FeatureState& feature : path.features) {
          if (chance(60)) features.push_back(feature.id);
        }
      }
    }
    FilingForm form = filing_form(story_.ledger, subject, features);
    form.basic->algorithm_type = static_cast<AlgorithmType>(1 + random_() % 2);
    if (chance(10)) form.details.reset();
    if (chance(10)) form.role = AlgorithmRole::technical_supporter;
    return form;
  }

  Command any_command() {
    const Uuid subject = pick(subjects_);
    const Uuid filing = pick(filings_);
    const Uuid product = pick(products_);
    const auto tree = story_.ledger.product(product);
    const Uuid path = tree && !tree->paths.empty() ? pick(tree->paths).id : Uuid{};
    const Date today = Date::of(story_.ledger.now);
    switch (random_() % 36) {
      case 0:
        return RegisterSubject{
            "某公司", credit_code(static_cast<unsigned>(random_() % 6)), "110108", {"a", "b", "c"}};
      case 1: return SubmitSubject{subject, subject_form(story_.ledger, subject)};
      case 2: return ApproveSubject{subject};
      case 3: return RejectSubject{subject, {{"unsigned", "/documents/commitment_letter", "n"}}};
      case 4: return AddProduct{subject, "产品" + std::to_string(random_() % 3), ProductForm::app};
      case 5: return AddAccessPath{product, {"首页", std::to_string(random_() % 3)}};
      case 6:
      case 7: return AddFeature{product, path, "功能" + std::to_string(random_() % 4), {}};
      case 8: return RemoveAccessPath{product, path};
      case 9: return UpdateProduct{product, "产品" + std::to_string(random_() % 3), {}};
      case 10:
      case 11:
      case 12: return CreateFiling{subject, any_form(subject)};
      case 13: {
        const auto state = story_.ledger.filing(filing);
        return SaveDraft{filing, any_form(state ? state->subject_id : subject)};
      }
      case 14: return DiscardDraft{filing};
      case 15:
      case 16:
      case 17: return SubmitFiling{filing, chance(95)};
      case 18: return WithdrawFiling{filing};
      case 19:
      case 20: return StartReview{filing};
      case 21: return RejectFiling{filing, Story::reasons()};
      case 22:
      case 23: return ApproveFiling{filing};
      case 24:
      case 25: return AssignNumber{filing};
      case 26: return PublishFiling{filing, Series::algorithm, 1, today};
      case 27: return RecordDisplay{filing, DisplayChannel::app, "关于页"};
      case 28: {
        const auto state = story_.ledger.filing(filing);
        return SubmitChange{filing, any_form(state ? state->subject_id : subject), today};
      }
      case 29:
        return chance(50) ? Command(ApproveChange{filing}) : Command(RejectChange{filing, Story::reasons()});
      case 30: return RequestCancellation{filing, today, "n"};
      case 31: return CancelFiling{filing, "停止服务", today, {}};
      case 32: return chance(20) ? Command(RevokeFiling{filing, "隐瞒", "n"}) : Command(StartReview{filing});
      case 33: return ChangeSubject{subject, subject_form(story_.ledger, subject)};
      case 34: return ApproveSubjectChange{subject};
      default: return chance(5) ? Command(CloseSubject{subject, {}}) : Command(SubmitFiling{filing, true});
    }
  }

  Story story_;
  std::mt19937_64 random_;
  std::vector<Person> staff_;
  std::vector<Uuid> subjects_, products_, filings_;
};

void check_invariants(const MemoryLedger& ledger) {
  std::map<std::pair<std::string, int>, int> serials;
  std::map<std::string, int> numbers;
  std::map<std::pair<Uuid, unsigned>, int> outcomes;
  std::map<Uuid, FilingState> states;
  std::map<StreamId, std::uint64_t> versions;
  for (std::size_t i = 0; i < ledger.log.size(); ++i) {
    const Event& event = ledger.log[i];
    CHECK(event.header.position.value == i);
    CHECK(event.header.version == ++versions[event.header.stream]);
    if (event.header.stream.kind != StreamKind::filing) continue;
    const Uuid id = event.header.stream.id;
    if (const auto* e = std::get_if<NumberAssigned>(&event.payload)) {
      CHECK(states[id].status == FilingStatus::approved);
      CHECK(examine_number(e->digits, [](std::string_view) { return true; }).empty());
      CHECK(++numbers[e->digits] == 1);
      CHECK(e->serial == ++serials[{std::to_string(e->subject_number), static_cast<int>(e->algorithm_type)}]);
    }
    if (const auto* e = std::get_if<FilingApproved>(&event.payload)) CHECK(++outcomes[{id, e->attempt}] == 1);
    if (const auto* e = std::get_if<FilingRejected>(&event.payload)) CHECK(++outcomes[{id, e->attempt}] == 1);
    if (const auto* e = std::get_if<FilingWithdrawn>(&event.payload))
      CHECK(++outcomes[{id, e->attempt}] == 1);
    FilingState& state = states[id];
    state = evolve(std::move(state), event);
    // A number stands on a filing if and only if it was approved and then registered; what is public is
    // numbered.
    if (state.status == FilingStatus::numbered || state.status == FilingStatus::published)
      CHECK_FALSE(state.number.empty());
    if (state.status <= FilingStatus::approved) CHECK(state.number.empty());
    if (state.public_record) CHECK(state.public_record->number == state.number);
    if (state.status == FilingStatus::published) CHECK(state.public_record.has_value());
  }
  // The fold of the whole log is the state that the ledger held all along: any prefix, then the rest.
  for (const auto& [id, state] : states) CHECK(state == *ledger.filing(id));
}

}  // namespace

TEST_CASE("random commands keep every invariant of the core") {
  const std::uint64_t first = seed();
  for (std::uint64_t round = 0; round < 12; ++round) {
    INFO("LEDGER_SEED=" << first << " round " << round);
    CAPTURE(first);
    Crowd crowd(first + round);
    std::size_t accepted = 0;
    for (int i = 0; i < 1'500; ++i) accepted += crowd.act() ? 1 : 0;
    CHECK(accepted > 100);
    check_invariants(crowd.ledger());
  }
}
