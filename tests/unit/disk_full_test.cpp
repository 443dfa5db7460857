// What a full disk does to the store, on a real one: a tmpfs of 8 MiB in a mount namespace of a child
// process. Where the machine allows no such namespace the tests say so and check nothing.
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <optional>
#include <sched.h>
#include <string>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "events/crypto/durable_file.hpp"
#include "events/store/documents.hpp"
#include "events/store/lmdb.hpp"
#include "events/store/vault.hpp"
#include "tests/support/temp_dir.hpp"

using namespace ledger;
using namespace ledger::store;

namespace {

constexpr int kNoNamespace = 99;

bool write_text(const char* path, const std::string& text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  const bool written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(file);
  return written;
}

/// Gives this process mounts of its own: as root directly, else as root of a user namespace.
bool own_namespace() {
  if (::unshare(CLONE_NEWNS) == 0) return true;
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_text("/proc/self/setgroups", "deny") &&
         write_text("/proc/self/uid_map", "0 " + user + " 1") &&
         write_text("/proc/self/gid_map", "0 " + group + " 1");
}

/// Runs `check` in a child that sees a small tmpfs at the given path; its answer is 0 or the number of the
/// step that went wrong. nullopt: not allowed here.
std::optional<int> on_small_disk(const std::function<int(const std::filesystem::path&)>& check) {
  const ledger::test::TempDir place;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const bool mounted = own_namespace() &&
                         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                         ::mount("small", place.path().c_str(), "tmpfs", 0, "size=8m") == 0;
    ::_exit(mounted ? check(place.path()) : kNoNamespace);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) != kNoNamespace) return WEXITSTATUS(status);
  WARN("SKIPPED: no mount namespace is allowed here, a full disk was not tested");
  return std::nullopt;
}

/// Takes all the room there is.
void fill_disk(const std::filesystem::path& place) {
  const int file = ::open((place / "ballast").c_str(), O_WRONLY | O_CREAT, 0600);
  const std::string block(4096, 'b');
  while (::write(file, block.data(), block.size()) > 0) {
  }
  ::close(file);
}

}  // namespace

TEST_CASE("on a full disk room is refused before anything is begun, and granted when there is some again") {
  const auto failed = on_small_disk([](const std::filesystem::path& place) {
    auto environment =
        Environment::open({.path = place / "db", .map_size = 64u << 20, .room_step = 64u << 10});
    if (!environment) return 1;
    auto databases = (*environment)->open_databases({"rows"});
    if (!databases) return 2;
    const auto refused = (*environment)->secure_room(32u << 20);
    if (refused || !refused.error().is_full()) return 3;
    fill_disk(place);
    const auto again = (*environment)->secure_room(1000, 10);
    if (again || !again.error().is_full()) return 4;
    std::filesystem::remove(place / "ballast");
    if (!(*environment)->secure_room(1000, 10)) return 5;
    // What was secured is there although the disk is full again.
    fill_disk(place);
    auto txn = (*environment)->write();
    for (char key = 'a'; key < 'k'; ++key) {
      if (!txn->put(databases->front(), bytes_of(std::string(1, key)), bytes_of(std::string(100, 'v'))))
        return 6;
    }
    return std::move(*txn).commit() ? 0 : 7;
  });
  REQUIRE(failed.value_or(0) == 0);
}

TEST_CASE("an upload that meets a full disk says so and leaves nothing; earlier documents stay readable") {
  const auto failed = on_small_disk([](const std::filesystem::path& place) {
    auto store = DocumentStore::open(place / "documents");
    if (!store) return 1;
    const Uuid subject = crypto::random_id();
    const auto key = crypto::SecretKey::random();
    const auto upload = [&](std::size_t size) -> DocumentResult<StoredDocument> {
      auto writer = (*store)->begin(subject, key, 64u << 20);
      if (!writer) return std::unexpected(writer.error());
      if (auto written = writer->write(bytes_of(std::string(size, 'd'))); !written) {
        return std::unexpected(written.error());
      }
      return writer->finish();
    };
    const auto small = upload(1000);
    if (!small) return 2;
    const auto large = upload(16u << 20);
    if (large || large.error().kind != DocumentFailure::full) return 3;
    if (!std::filesystem::is_empty(place / "documents" / "tmp")) return 4;
    if (!(*store)->verify(subject, key, small->digest)) return 5;
    return upload(2000) ? 0 : 6;
  });
  REQUIRE(failed.value_or(0) == 0);
}

TEST_CASE("a vault on a full disk refuses and keeps what it had") {
  const auto failed = on_small_disk([](const std::filesystem::path& place) {
    const crypto::MasterKey master{crypto::SecretKey()};
    auto vault =
        Vault::open({.directory = place / "vault", .epoch_file = place / "epoch", .create = true}, master);
    if (!vault) return 1;
    const Uuid record = crypto::random_id();
    const auto key = crypto::SecretKey::random();
    if (!(*vault)->create(std::vector<RecordKey>{{record, key}})) return 2;
    fill_disk(place);
    const auto room = (*vault)->secure_room(100);
    if (room || room.error().kind != VaultFailure::full) return 3;
    const auto destroyed = (*vault)->destroy(std::vector<Uuid>{record});
    if (destroyed || destroyed.error().kind != VaultFailure::full) return 4;
    const auto found = (*vault)->find(record);
    if (!found || !*found || !(**found == key) || (*vault)->current_epoch() != 1) return 5;
    std::filesystem::remove(place / "ballast");
    if (!(*vault)->destroy(std::vector<Uuid>{record})) return 6;
    return (*vault)->find(record)->has_value() ? 7 : 0;
  });
  REQUIRE(failed.value_or(0) == 0);
}

TEST_CASE("a file that cannot be replaced for want of room stays as it was") {
  const auto failed = on_small_disk([](const std::filesystem::path& place) {
    const auto path = place / "mark";
    if (!crypto::replace_file(path, bytes_of("old"))) return 1;
    fill_disk(place);
    const auto refused = crypto::replace_file(path, bytes_of(std::string(10'000, 'n')));
    if (refused || !refused.error().is_full()) return 2;
    const auto made = crypto::create_secret_file(place / "key", bytes_of("k"));
    if (made || !made.error().is_full() || std::filesystem::exists(place / "key")) return 3;
    return *crypto::load_file(path, 100) == "old" && !std::filesystem::exists(place / "mark.new") ? 0 : 4;
  });
  REQUIRE(failed.value_or(0) == 0);
}
