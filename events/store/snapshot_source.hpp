// What a snapshot reads from: one transaction of the views, and one of the log once it is needed.
#pragma once

#include <optional>

#include "events/store/engine.hpp"
#include "events/store/store_lookup.hpp"
#include "events/store/stores.hpp"

namespace ledger::store {

struct Snapshot::Impl final : LedgerSource {
  /// Throws StoreDamage where the machine gives no transaction.
  explicit Impl(const Stores& stores);

  std::optional<Bytes> row(Database database, Bytes key) const override;
  void scan(Database database, Bytes prefix, const std::function<bool(Bytes, Bytes)>& each) const override;
  std::optional<Bytes> entry(std::uint64_t position) const override;
  std::optional<Bytes> sealed(std::uint64_t position) const override;
  std::optional<crypto::SecretKey> record_key(const Uuid& record) const override;
  const EntryReader& log() const;

  const Stores& stores;
  ViewsRead views;
  mutable std::optional<EntryReader> reader;
  std::uint64_t size = 0;
  StoreLookup lookup;
};

}  // namespace ledger::store
