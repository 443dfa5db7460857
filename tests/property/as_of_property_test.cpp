// Any past moment through the real engine: at random moments of a random history everything is asked as it is
// now; at the end it is asked again as of then, and must be the same. What was asked then is the fold of the
// log cut at that position. The seed is printed; LEDGER_SEED repeats it.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>

#include "projections/read_models.hpp"
#include "replay/as_of.hpp"
#include "tests/support/engine_story.hpp"

using namespace ledger;
using namespace ledger::test;
using namespace ledger::projections;

namespace {

constexpr std::int64_t kDay = 86'400'000'000;

std::uint64_t seed() {
  if (const char* given = std::getenv("LEDGER_SEED")) return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

/// All that the ledger says about the things of a crowd.
struct Answers {
  std::vector<std::optional<SubjectState>> subjects;
  std::vector<std::optional<FilingState>> filings;
  std::vector<std::vector<ProductState>> products;
  std::vector<std::vector<Visit>> visits;
  std::vector<std::uint64_t> versions;
  std::vector<Announcement> announcements;
  std::vector<std::optional<Announcement>> numbers;
  bool operator==(const Answers&) const = default;
};

/// Two subjects and their staff, who do whatever comes to their minds.
class Crowd : public EngineStory {
 public:
  explicit Crowd(std::uint64_t seed) : EngineStory(false), random_(seed) {
    projections.assign(models.all().begin(), models.all().end());
    open();
    initial_ = staff(Role::initial_reviewer, "初审");
    reviewer_ = staff(Role::reviewer, "复审");
    registrar_ = staff(Role::registrar, "登记员");
    supervisor_ = staff(Role::supervisor, "监督员");
    for (unsigned n = 1; n <= 2; ++n) {
      subjects_.push_back(qualified(n, initial_));
      plant(subjects_.back());
    }
  }
  ~Crowd() { engine.reset(); }

  ReadModels models;

  /// One random request; most are refused. True when it was accepted.
  bool act() {
    if (chance(30)) now += static_cast<std::int64_t>(random_() % (2 * kDay));
    const Registered& subject = pick(subjects_);
    const Uuid filing = filings_.empty() ? Uuid{} : pick(filings_).first;
    const store::Granted filer = filings_.empty() ? subject.filer : owner_of(filing);
    switch (random_() % 26) {
      case 0: return made(ask(CreateFiling{subject.subject, form(subject)}, subject.filer), subject);
      case 1:
      case 2:
      case 3: return said(SaveDraft{filing, form(subject)}, filer);
      case 4:
      case 5:
      case 6: return said(SubmitFiling{filing, true}, filer);
      case 7: return said(WithdrawFiling{filing}, filer);
      case 8:
      case 9:
      case 10: return said(StartReview{filing}, reviewer_);
      case 11: return said(RejectFiling{filing, {{"mechanism_vague", "/details/model", "说明"}}}, reviewer_);
      case 12:
      case 13: return said(ApproveFiling{filing}, reviewer_);
      case 14:
      case 15:
        if (!said(AssignNumber{filing}, registrar_)) return false;
        numbers_.push_back(engine->snapshot().lookup().filing(filing)->number);
        return true;
      case 16:
      case 17: return said(PublishFiling{filing, Series::algorithm, 1 + batch(), today()}, registrar_);
      case 18: return said(SubmitChange{filing, form(subject), today()}, filer);
      case 19: return said(ApproveChange{filing}, reviewer_);
      case 20: return correct(filing);
      case 21: return chance(30) && said(RevokeFiling{filing, "隐瞒", "说明"}, supervisor_);
      case 22:
        return said(UpdateProduct{pick(trees_).product, "产品" + std::to_string(random_() % 9), {}}, filer);
      case 23: return chance(30) && said(RemoveProduct{pick(trees_).product}, filer);
      case 24:
        if (chance(70)) return false;
        plant(subject);
        return true;
      default:
        return said(ChangeSubject{subject.subject, subject_form(subject.subject)}, subject.filer) &&
               said(ApproveSubjectChange{subject.subject}, initial_);
    }
  }

  /// Saves one draft again and again: a stream much longer than the steps between kept states.
  void save_often(int times) {
    const Registered& subject = subjects_.front();
    REQUIRE(made(ask(CreateFiling{subject.subject, draft_form()}, subject.filer), subject));
    const Uuid filing = filings_.back().first;
    for (int i = 0; i < times; ++i) must(SaveDraft{filing, draft_form(std::to_string(i))}, subject.filer);
  }

  [[nodiscard]] Answers answers(std::optional<std::uint64_t> then = {}) const {
    const store::Snapshot snapshot = engine->snapshot();
    const Lookup& lookup = snapshot.lookup();
    const auto& views = snapshot.views();
    Answers all;
    const auto timeline = [&](const StreamId& stream) {
      all.visits.push_back(then ? replay::visits_at(snapshot, models, stream, *then)
                                : models.timeline.visits(views, stream));
      all.versions.push_back(then ? replay::version_at(snapshot, stream, *then)
                                  : snapshot.stream_version(stream));
    };
    for (const Registered& subject : subjects_) {
      all.subjects.push_back(then ? replay::subject_at(snapshot, models, subject.subject, *then)
                                  : lookup.subject(subject.subject).kept());
      all.products.push_back(then ? replay::products_at(snapshot, models, subject.subject, *then)
                                  : kept(lookup.products_of(subject.subject)));
      timeline({StreamKind::subject, subject.subject});
    }
    for (const auto& [filing, _] : filings_) {
      all.filings.push_back(then ? replay::filing_at(snapshot, models, filing, *then)
                                 : lookup.filing(filing).kept());
      timeline({StreamKind::filing, filing});
    }
    all.announcements = models.announcements.list(views, {}, std::nullopt, 1'000, then)->items;
    for (const std::string& number : numbers_)
      all.numbers.push_back(models.numbers.look_up(views, models.announcements, number, then).record);
    return all;
  }

  /// Filings and numbers that came after a moment, as nothing: the answers of then know no places for them.
  static void cut(Answers& now, const Answers& then) {
    const auto shorten = [](auto& all, const auto& known, const auto& nothing) {
      for (std::size_t i = known.size(); i < all.size(); ++i) REQUIRE(all[i] == nothing);
      all.resize(known.size());
    };
    shorten(now.filings, then.filings, std::optional<FilingState>{});
    shorten(now.visits, then.visits, std::vector<Visit>{});
    shorten(now.versions, then.versions, std::uint64_t{0});
    shorten(now.numbers, then.numbers, std::optional<Announcement>{});
  }

  [[nodiscard]] std::size_t filings() const { return filings_.size(); }

 private:
  struct Tree {
    Uuid product, feature;
    Uuid subject;
  };

  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[random_() % from.size()];
  }
  bool chance(unsigned percent) { return random_() % 100 < percent; }
  std::uint32_t batch() { return static_cast<std::uint32_t>(random_() % 3); }
  [[nodiscard]] Date today() const { return Date::of(TimestampUs{now}); }

  bool said(Command command, const store::Granted& by) { return ask(std::move(command), by).has_value(); }

  bool made(const store::Outcome& outcome, const Registered& by) {
    if (outcome) filings_.emplace_back(outcome->id, by.filer);
    return outcome.has_value();
  }

  store::Granted owner_of(const Uuid& filing) const {
    for (const auto& [id, filer] : filings_) {
      if (id == filing) return filer;
    }
    return {};
  }

  bool correct(const Uuid& filing) {
    const auto state = engine->snapshot().lookup().filing(filing);
    if (!state || !state->public_record) return false;
    RecordCorrection record;
    record.algorithm_name = "更正" + std::to_string(random_() % 1'000);
    return said(CorrectAnnouncement{filing, record, "更正"}, registrar_);
  }

  FilingForm form(const Registered& subject) {
    std::vector<Uuid> features;
    for (const Tree& tree : trees_) {
      if (tree.subject == subject.subject && (features.empty() || chance(30)))
        features.push_back(tree.feature);
    }
    return whole_form(subject.subject, features);
  }

  void plant(const Registered& subject) {
    const std::string name = "产品 " + std::to_string(trees_.size());
    const Uuid product = must(AddProduct{subject.subject, name, ProductForm::app}, subject.filer).id;
    const Uuid path = must(AddAccessPath{product, {"首页"}}, subject.filer).id;
    const Uuid feature = must(AddFeature{product, path, "功能", "说明"}, subject.filer).id;
    trees_.push_back({product, feature, subject.subject});
  }

  std::mt19937_64 random_;
  store::Granted initial_, reviewer_, registrar_, supervisor_;
  std::vector<Registered> subjects_;
  std::vector<Tree> trees_;
  std::vector<std::pair<Uuid, store::Granted>> filings_;
  std::vector<std::string> numbers_;
};

}  // namespace

TEST_CASE("as of any position everything is what it was when that event was the last one") {
  const std::uint64_t first = seed();
  INFO("LEDGER_SEED=" << first);
  CAPTURE(first);
  std::mt19937_64 random(first);
  Crowd crowd(first);
  std::map<std::uint64_t, Answers> answered;
  std::size_t accepted = 0;
  // Until something is announced, which most crowds bring about long before.
  for (int i = 0; i < 900 || (i < 20'000 && crowd.answers().announcements.empty()); ++i) {
    if (i == 300) crowd.save_often(3 * static_cast<int>(kPastStateSteps));
    accepted += crowd.act() ? 1 : 0;
    if (random() % 15 == 0) answered.insert_or_assign(crowd.engine->size() - 1, crowd.answers());
  }
  REQUIRE(accepted > 100);
  REQUIRE(crowd.filings() > 5);
  REQUIRE_FALSE(crowd.answers().announcements.empty());
  // Once against the views as they grew, once against views made anew from the log.
  for (const bool rebuilt : {false, true}) {
    if (rebuilt) {
      crowd.engine.reset();
      std::filesystem::remove_all(crowd.data() / "views");
      crowd.open();
    }
    for (const auto& [position, then] : answered) {
      INFO("position " << position << (rebuilt ? " after a rebuild" : ""));
      Answers looked_back = crowd.answers(position);
      Crowd::cut(looked_back, then);
      REQUIRE(looked_back.subjects == then.subjects);
      REQUIRE(looked_back.filings == then.filings);
      REQUIRE(looked_back.products == then.products);
      REQUIRE(looked_back.visits == then.visits);
      REQUIRE(looked_back == then);
    }
  }
}

TEST_CASE("a time means the last position recorded until then, inclusively") {
  const std::uint64_t first = seed();
  INFO("LEDGER_SEED=" << first);
  CAPTURE(first);
  Crowd crowd(first);
  for (int i = 0; i < 150; ++i) (void)crowd.act();
  const store::Snapshot snapshot = crowd.engine->snapshot();
  std::vector<TimestampUs> times;
  for (std::uint64_t at = 0; at < snapshot.size(); ++at)
    times.push_back(snapshot.event(at, false)->event.header.recorded_at);
  REQUIRE(std::ranges::is_sorted(times));
  const auto expected = [&](TimestampUs at) -> std::optional<std::uint64_t> {
    const auto behind = std::ranges::upper_bound(times, at) - times.begin();
    return behind == 0 ? std::nullopt : std::optional<std::uint64_t>(behind - 1);
  };
  for (std::uint64_t at = 0; at < times.size(); ++at) {
    REQUIRE(replay::recorded_at(snapshot, at) == times[at]);
    for (const std::int64_t step : {-1, 0, 1}) {
      const TimestampUs moment{times[at].value + step};
      REQUIRE(replay::position_at(snapshot, moment) == expected(moment));
    }
  }
  REQUIRE_FALSE(replay::position_at(snapshot, TimestampUs{0}));
  REQUIRE(replay::position_at(snapshot, TimestampUs{times.back().value + kDay}) == times.size() - 1);
}

TEST_CASE("what is there only later is not there yet, and a version counts what stood by then") {
  EngineStory story(false);
  ReadModels models;
  story.projections.assign(models.all().begin(), models.all().end());
  story.open();
  const Uuid filing = story.whole_life(1);
  {
    const store::Snapshot snapshot = story.engine->snapshot();
    const StreamId stream{StreamKind::filing, filing};
    const auto positions = snapshot.stream_positions(stream, 0, 100);
    REQUIRE_FALSE(replay::filing_at(snapshot, models, filing, positions.front() - 1));
    REQUIRE_FALSE(replay::filing_at(snapshot, models, Uuid{{1}}, snapshot.size() - 1));
    REQUIRE(replay::visits_at(snapshot, models, stream, positions.front() - 1).empty());
    for (std::size_t i = 0; i < positions.size(); ++i) {
      REQUIRE(replay::version_at(snapshot, stream, positions[i]) == i + 1);
      REQUIRE(replay::filing_at(snapshot, models, filing, positions[i])->version == i + 1);
      // Undisclosed until the first submission, whatever became of it.
      const bool submitted = replay::filing_at(snapshot, models, filing, positions[i])->disclosed();
      REQUIRE(submitted == (i >= 2));
    }
  }
  story.engine.reset();
}
