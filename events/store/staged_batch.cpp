#include "events/store/staged_batch.hpp"

#include "events/store/sealed_row.hpp"
#include "events/tlog/tree.hpp"

namespace ledger::store {

void StagedBatch::seal(std::size_t row, std::string_view origin) {
  UnsealedEvent& event = unsealed[row];
  if (event.sealed) return;
  std::size_t commitment = 0;
  seal_row(event.values, origin, event.event_id,
           std::span(sealers).subspan(event.first_sealer, event.sealers),
           [&](const Digest& digest) { event.digests.put(event.entry, commitment++, digest); });
  rows[row].leaf = tlog::leaf_hash(event.entry);
  event.sealed = true;
}

void StagedBatch::take_back(std::size_t count) {
  for (std::size_t row = count; row < unsealed.size(); ++row) crypto::wipe(unsealed[row].values);
  if (count < unsealed.size())
    sealers.erase(sealers.begin() + static_cast<std::ptrdiff_t>(unsealed[count].first_sealer), sealers.end());
  rows.resize(count);
  unsealed.resize(count);
}

void StagedBatch::seal_all(std::string_view origin) {
  for (std::size_t row = 0; row < rows.size(); ++row) seal(row, origin);
  all_sealed.store(true, std::memory_order_release);
  all_sealed.notify_all();
}

}  // namespace ledger::store
