#include "server/cli/lapse.hpp"

#include "events/crypto/primitives.hpp"
#include "events/store/engine.hpp"

namespace ledger::cli {
namespace {

constexpr std::size_t kSubjectsAtOnce = 256;  // of one snapshot, which must stay short

}  // namespace

std::size_t lapse_unused(store::Engine& engine, TimestampUs before, const std::function<bool()>& stop) {
  std::size_t lapsed = 0;
  Uuid after;
  while (!stop()) {
    std::vector<Uuid> unused;
    {
      const store::Snapshot snapshot = engine.snapshot();
      const std::vector<Uuid> subjects = snapshot.subjects(after, kSubjectsAtOnce);
      if (subjects.empty()) return lapsed;
      after = subjects.back();
      for (const Uuid& id : subjects) {
        const auto subject = snapshot.lookup().subject(id);
        if (subject && subject->status == SubjectStatus::registered && subject->registered_at < before) {
          unused.push_back(id);
        }
      }
    }
    for (const Uuid& id : unused) {
      if (stop()) return lapsed;
      store::Submission submission;
      submission.command = LapseSubject{id};
      submission.caller = store::Trusted{Role::system};
      submission.correlation_id = crypto::random_id();
      if (engine.execute(std::move(submission))) ++lapsed;
    }
  }
  return lapsed;
}

}  // namespace ledger::cli
