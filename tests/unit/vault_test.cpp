#include "events/store/vault.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>

#include <catch2/catch.hpp>

#include "events/store/lmdb.hpp"
#include "tests/support/temp_dir.hpp"

using namespace ledger;
using namespace ledger::store;
using crypto::MasterKey;
using crypto::SecretKey;
using ledger::test::TempDir;

namespace {

SecretKey filled(std::uint8_t value) {
  SecretKey key;
  std::ranges::fill(key.octets(), value);
  return key;
}

const MasterKey& master() {
  static const MasterKey key(filled(1));
  return key;
}

Uuid id(std::uint32_t number) {
  Uuid record;
  put_be(number, record.bytes.data() + 12);
  return record;
}

struct Place {
  TempDir directory;
  [[nodiscard]] VaultOptions options(bool create = false, std::size_t cached = 64) const {
    return {.directory = directory / "vault",
            .epoch_file = directory / "ledger.key.epoch",
            .cache_entries_max = cached,
            .map_size = 64u << 20,
            .create = create};
  }
  [[nodiscard]] std::unique_ptr<Vault> open(bool create = false, std::size_t cached = 64) const {
    auto vault = Vault::open(options(create, cached), master());
    INFO((vault ? "" : vault.error().detail));
    REQUIRE(vault);
    return std::move(*vault);
  }
};

std::map<std::uint32_t, SecretKey> fill(Vault& vault, std::uint32_t from, std::uint32_t count) {
  std::map<std::uint32_t, SecretKey> made;
  std::vector<RecordKey> batch;
  for (std::uint32_t i = from; i < from + count; ++i) {
    made[i] = SecretKey::random();
    batch.push_back({id(i), made[i]});
  }
  REQUIRE(vault.create(batch));
  return made;
}

bool holds(const Vault& vault, std::uint32_t number, const SecretKey& key) {
  const auto found = vault.find(id(number));
  return found && *found && **found == key;
}

bool lacks(const Vault& vault, std::uint32_t number) {
  const auto found = vault.find(id(number));
  return found && !*found;
}

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put_content(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

}  // namespace

TEST_CASE("keys survive closing and reopening the vault, and no key stands in its files") {
  const Place place;
  std::map<std::uint32_t, SecretKey> made;
  {
    const auto vault = place.open(true);
    made = fill(*vault, 1, 100);
    REQUIRE(vault->count() == 100);
    REQUIRE(vault->current_epoch() == 1);
  }
  const auto vault = place.open();
  REQUIRE(vault->cached() == 0);
  for (const auto& [number, key] : made) REQUIRE(holds(*vault, number, key));
  REQUIRE(lacks(*vault, 101));
  const std::string file = content(place.directory / "vault" / "data.mdb");
  for (const auto& [number, key] : made) REQUIRE(file.find(text_of(key.view())) == std::string::npos);
}

TEST_CASE("a batch with a known id changes nothing") {
  const Place place;
  const auto vault = place.open(true);
  const auto made = fill(*vault, 5, 1);
  const std::vector<RecordKey> batch = {{id(6), SecretKey::random()}, {id(5), SecretKey::random()}};
  const auto refused = vault->create(batch);
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error().kind == VaultFailure::record_exists);
  REQUIRE(lacks(*vault, 6));
  REQUIRE(holds(*vault, 5, made.at(5)));
}

TEST_CASE("the cache stays within its bound and answers stay right beyond it") {
  const Place place;
  for (const std::size_t bound : {0u, 1u, 7u, 64u}) {
    const auto vault = place.open(bound == 0, bound);
    const std::uint32_t from = static_cast<std::uint32_t>(bound) * 1000;
    const auto made = fill(*vault, from, 200);
    REQUIRE(vault->cached() <= bound);
    for (int round = 0; round < 2; ++round) {
      for (const auto& [number, key] : made) REQUIRE(holds(*vault, number, key));
    }
    REQUIRE(vault->cached() <= bound);
    REQUIRE((vault->cached() > 0) == (bound > 0));
  }
}

TEST_CASE("destroyed keys are gone, the others open under the new epoch, before and after reopening") {
  const Place place;
  std::map<std::uint32_t, SecretKey> made;
  const std::vector<Uuid> erased = {id(3), id(2500), id(9999)};
  {
    const auto vault = place.open(true, 4096);
    made = fill(*vault, 0, 3000);  // more than one round of wrapping anew
    REQUIRE(holds(*vault, 3, made.at(3)));
    const auto destroyed = vault->destroy(erased);
    REQUIRE(destroyed);
    REQUIRE(*destroyed == 2);
    REQUIRE(vault->current_epoch() == 2);
    REQUIRE(vault->cached() == 0);
    REQUIRE(lacks(*vault, 3));
    for (const auto& [number, key] : made)
      REQUIRE((number == 3 || number == 2500 || holds(*vault, number, key)));
    REQUIRE(*vault->destroy({}) == 0);
    REQUIRE(vault->current_epoch() == 3);
  }
  const auto vault = place.open();
  REQUIRE(vault->count() == 2998);
  REQUIRE(lacks(*vault, 2500));
  for (const auto& [number, key] : made)
    REQUIRE((number == 3 || number == 2500 || holds(*vault, number, key)));
  const auto more = fill(*vault, 5000, 1);
  REQUIRE(holds(*vault, 5000, more.at(5000)));
}

TEST_CASE(
    "after an erasure an older copy of the vault does not open, even with master key and today's epoch "
    "file") {
  const Place place;
  const auto copy = place.directory / "old-vault";
  std::map<std::uint32_t, SecretKey> made;
  {
    const auto vault = place.open(true);
    made = fill(*vault, 1, 3);
  }
  std::filesystem::copy(place.directory / "vault", copy);
  const std::string old_epoch_file = content(place.directory / "ledger.key.epoch");
  {
    const auto vault = place.open();
    REQUIRE(vault->destroy(std::vector<Uuid>{id(2)}));
  }
  VaultOptions options = place.options();
  options.directory = copy;
  const auto refused = Vault::open(options, master());
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error().kind == VaultFailure::epoch_file);
  // No secret of the old epoch is left in the epoch file or the vault.
  const std::string old_secret = old_epoch_file.substr(old_epoch_file.size() - 65, 64);
  REQUIRE(content(place.directory / "ledger.key.epoch").find(old_secret) == std::string::npos);
  // Nor does a forged claim that the old rows are of the new epoch help: the rows are tied to theirs.
  const std::string now = content(place.directory / "ledger.key.epoch");
  std::string forged = now;
  forged.replace(forged.find("\n2 ") + 1, 1, "1");
  put_content(place.directory / "ledger.key.epoch", forged);
  REQUIRE_FALSE(Vault::open(options, master()));
  // The honest limit: the epoch file of then opens the vault of then.
  put_content(place.directory / "ledger.key.epoch", old_epoch_file);
  const auto both = Vault::open(options, master());
  REQUIRE(both);
  REQUIRE(holds(**both, 2, made.at(2)));
}

TEST_CASE("an erasure that died before its commit changed nothing; one that died after it is completed") {
  const Place place;
  const auto file = place.directory / "ledger.key.epoch";
  std::map<std::uint32_t, SecretKey> made;
  {
    const auto vault = place.open(true);
    made = fill(*vault, 1, 2);
  }
  const std::string before = content(file);
  put_content(file, before + "2 " + std::string(64, 'c') + "\n");  // the new secret was written, no commit
  {
    const auto vault = place.open();
    REQUIRE(vault->current_epoch() == 1);
    REQUIRE(holds(*vault, 1, made.at(1)));
    REQUIRE(content(file) == before);
    REQUIRE(vault->destroy(std::vector<Uuid>{id(1)}));
  }
  const std::string after = content(file);
  const std::string header = after.substr(0, after.find('\n') + 1);
  put_content(file,
              before + after.substr(header.size()));  // the commit was made, the old secret not yet forgotten
  const auto vault = place.open();
  REQUIRE(vault->current_epoch() == 2);
  REQUIRE(lacks(*vault, 1));
  REQUIRE(holds(*vault, 2, made.at(2)));
  REQUIRE(content(file) == after);
}

TEST_CASE("another master key, another epoch file or none is refused at opening") {
  const Place place;
  { const auto vault = place.open(true); }
  const auto refusal = [&](const MasterKey& key) {
    const auto opened = Vault::open(place.options(), key);
    return !opened && opened.error().kind == VaultFailure::epoch_file;
  };
  REQUIRE(refusal(MasterKey(filled(2))));
  const auto file = place.directory / "ledger.key.epoch";
  const std::string right = content(file);
  std::string wrong = right;
  wrong[wrong.size() - 2] = wrong[wrong.size() - 2] == '0' ? '1' : '0';
  for (const std::string& bad : {wrong, std::string(), std::string("x"), right.substr(0, right.size() - 1),
                                 right + right, right + "2 00\n", right.substr(0, right.find('\n') + 1)}) {
    CAPTURE(bad);
    put_content(file, bad);
    REQUIRE(refusal(master()));
  }
  std::filesystem::remove(file);
  REQUIRE(refusal(master()));
  put_content(file, right);
  std::filesystem::permissions(file, std::filesystem::perms(0644));
  REQUIRE(refusal(master()));
  std::filesystem::permissions(file, std::filesystem::perms(0600));
  REQUIRE(Vault::open(place.options(), master()));
  const auto again = Vault::open(place.options(true), master());
  REQUIRE_FALSE(again);
  REQUIRE(again.error().kind == VaultFailure::record_exists);
}

TEST_CASE("rows that were exchanged or changed on the disk do not open") {
  const Place place;
  {
    const auto vault = place.open(true);
    fill(*vault, 1, 2);
  }
  {
    auto environment =
        Environment::open({.path = place.directory / "vault", .map_size = 64u << 20, .max_databases = 2});
    auto databases = (*environment)->open_databases({"keys", "meta"});
    auto txn = (*environment)->write();
    const auto copy = [&](std::uint32_t number) {
      const Bytes row = *txn->get(databases->front(), bytes_of(id(number).bytes));
      return std::vector<std::byte>(row.begin(), row.end());
    };
    const auto one = copy(1);
    auto two = copy(2);
    REQUIRE(txn->put(databases->front(), bytes_of(id(2).bytes), one));
    two.back() ^= std::byte{1};
    REQUIRE(txn->put(databases->front(), bytes_of(id(1).bytes), two));
    REQUIRE(txn->put(databases->front(), bytes_of(id(3).bytes), Bytes(two).first(10)));
    REQUIRE(std::move(*txn).commit());
  }
  const auto vault = place.open();
  for (const std::uint32_t number : {1u, 2u, 3u}) {
    const auto found = vault->find(id(number));
    REQUIRE_FALSE(found);
    REQUIRE(found.error().kind == VaultFailure::damaged);
  }
  REQUIRE_FALSE(vault->destroy({}));
  REQUIRE(vault->current_epoch() == 1);
}

TEST_CASE("readers beside an erasure see a key or none, and never a destroyed one after it") {
  const Place place;
  const auto vault = place.open(true, 16);
  const auto made = fill(*vault, 0, 300);
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        for (std::uint32_t i = 0; i < 300; ++i) {
          const auto found = vault->find(id(i));
          if (!found || (*found && !(**found == made.at(i)))) ++wrong;
        }
      }
    });
  }
  int late = 0;
  for (std::uint32_t i = 0; i < 20; ++i) {
    if (!vault->destroy(std::vector<Uuid>{id(i)})) ++wrong;
    late += !lacks(*vault, i);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  REQUIRE(wrong == 0);
  REQUIRE(late == 0);
  REQUIRE(vault->current_epoch() == 21);
  REQUIRE(vault->count() == 280);
}
