// A crowd at a real engine: several threads that ask for whatever comes to their minds, legal or not, so that
// a history nobody thought of lies in its log. What each asks for follows from the seed; in which order they
// come does not.
#pragma once

#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "events/store/views.hpp"
#include "projections/read_models.hpp"
#include "tests/support/engine_story.hpp"

namespace ledger::test {

/// LEDGER_SEED, or a new one.
inline std::uint64_t any_seed() {
  if (const char* given = std::getenv("LEDGER_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

/// An engine with all read models.
struct ModelsStory : EngineStory {
  projections::ReadModels models;
  explicit ModelsStory(const std::function<void(store::EngineOptions&)>& change = {}) : EngineStory(false) {
    projections.assign(models.all().begin(), models.all().end());
    if (change) change(options);
    open();
  }
  ~ModelsStory() { engine.reset(); }

  /// Every row of the views, with the engine closed.
  [[nodiscard]] std::string dump() const {
    auto views = store::Views::open(data() / "views", std::uint64_t{1} << 30, projections, true);
    if (!views) FAIL("views: " << views.error().message());
    return (*views)->dump();
  }
};

class EngineCrowd {
 public:
  EngineCrowd(EngineStory& story, std::uint64_t seed, unsigned people) : story_(story), seed_(seed) {
    initial_ = story.staff(Role::initial_reviewer, "初审");
    reviewer_ = story.staff(Role::reviewer, "复审");
    registrar_ = story.staff(Role::registrar, "登记");
    supervisor_ = story.staff(Role::supervisor, "监督");
    for (unsigned n = 0; n < people; ++n) {
      Person person;
      person.number = n;
      const auto made = story.qualified(100 + n, initial_);
      person.subject = made.subject;
      person.filer = made.filer;
      person.subject_form = story.subject_form(made.subject);
      person.product = story.must(AddProduct{made.subject, "产品", ProductForm::app}, made.filer).id;
      person.path = story.must(AddAccessPath{person.product, {"首页"}}, made.filer).id;
      const Uuid feature = story.must(AddFeature{person.product, person.path, "功能", {}}, made.filer).id;
      person.whole = story.whole_form(made.subject, {feature});
      people_.push_back(std::move(person));
    }
  }

  /// Lets everybody act so often, each on a thread of its own.
  void begin(int commands) {
    for (Person& person : people_) {
      ++acting_;
      threads_.emplace_back([this, &person, commands] {
        std::mt19937_64 random(seed_ * 31 + person.number);
        for (int i = 0; i < commands; ++i) act(person, random);
        --acting_;
      });
    }
  }
  [[nodiscard]] bool acting() const { return acting_ > 0; }
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  [[nodiscard]] std::size_t accepted() const { return accepted_; }

 private:
  struct Person {
    unsigned number = 0;
    Uuid subject, product, path;
    store::Granted filer;
    SubjectForm subject_form;
    FilingForm whole;
    std::vector<Uuid> filings;
    unsigned registered = 0;
  };

  void act(Person& person, std::mt19937_64& random) {
    const auto [command, caller] = any(person, random);
    story_.now += 1 + static_cast<std::int64_t>(random() % 3'600'000'000);
    const auto outcome = story_.ask(command, caller);
    if (!outcome) return;
    ++accepted_;
    if (std::holds_alternative<CreateFiling>(command)) person.filings.push_back(outcome->id);
  }

  std::pair<Command, EngineStory::Caller> any(Person& person, std::mt19937_64& random) {
    const Uuid filing = person.filings.empty() ? Uuid{} : person.filings[random() % person.filings.size()];
    const Date today = Date::of(TimestampUs{story_.now});
    const std::vector<GivenReason> reasons = {{"mechanism_vague", "/details/model", "不清"}};
    switch (random() % 40) {
      case 0:
        return {EngineStory::registration(10'000 + person.number * 1'000 + person.registered++),
                store::Anonymous{}};
      case 1:
        return {AddFeature{person.product, person.path, "功能" + std::to_string(random() % 50), {}},
                person.filer};
      case 2:
        return {AddProduct{person.subject, "产品" + std::to_string(random() % 50), ProductForm::other},
                person.filer};
      case 3:
        return {UpdateProduct{person.product, "产品" + std::to_string(random() % 50), {}}, person.filer};
      case 4: return {ChangeSubject{person.subject, person.subject_form}, person.filer};
      case 5: return {ApproveSubjectChange{person.subject}, initial_};
      case 6: return {GrantAccess{"人" + std::to_string(random() % 20), Role::auditor, {}, {}}, story_.admin};
      case 7: return {DiscardDraft{filing}, person.filer};
      case 8: return {WithdrawFiling{filing}, person.filer};
      case 9: return {RejectFiling{filing, reasons}, reviewer_};
      case 10: return {SubmitChange{filing, person.whole, today}, person.filer};
      case 11: return {ApproveChange{filing}, reviewer_};
      case 12: return {RejectChange{filing, reasons}, reviewer_};
      case 13: return {RequestCancellation{filing, today, "停"}, person.filer};
      case 14: return {CancelFiling{filing, "停止服务", today, {}}, reviewer_};
      case 15: return {RecordDisplay{filing, DisplayChannel::app, "关于页"}, person.filer};
      case 16:
        if (random() % 8 == 0) return {RevokeFiling{filing, "隐瞒", "查实"}, supervisor_};
        [[fallthrough]];
      case 17:
        if (random() % 16 == 0) return {EraseSubject{person.subject, "pipl-47", "请求", {}}, story_.admin};
        [[fallthrough]];
      case 18:
      case 19:
      case 20:
      case 21: return {CreateFiling{person.subject, person.whole}, person.filer};
      case 22:
      case 23: return {SaveDraft{filing, EngineStory::draft_form()}, person.filer};
      case 24: return {SaveDraft{filing, person.whole}, person.filer};
      case 25:
      case 26:
      case 27:
      case 28: return {SubmitFiling{filing, true}, person.filer};
      case 29:
      case 30:
      case 31: return {StartReview{filing}, reviewer_};
      case 32:
      case 33:
      case 34: return {ApproveFiling{filing}, reviewer_};
      case 35:
      case 36:
      case 37: return {AssignNumber{filing}, registrar_};
      default: return {PublishFiling{filing, Series::algorithm, 1, today}, registrar_};
    }
  }

  EngineStory& story_;
  const std::uint64_t seed_;
  store::Granted initial_, reviewer_, registrar_, supervisor_;
  std::vector<Person> people_;
  std::vector<std::thread> threads_;
  std::atomic<int> acting_ = 0;
  std::atomic<std::size_t> accepted_ = 0;
};

}  // namespace ledger::test
