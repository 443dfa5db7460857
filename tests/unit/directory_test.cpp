#include "events/store/directory.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/support/temp_dir.hpp"

using namespace ledger;
using namespace ledger::store;
using ledger::test::TempDir;

TEST_CASE("the lock of a directory is refused to another process, which is told who holds it") {
  const TempDir place;
  const DataDirectory directory{place.path()};
  const auto lock = DirectoryLock::acquire(directory);
  REQUIRE(lock);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto refused = DirectoryLock::acquire(directory);
    const bool right =
        !refused && refused.error().holder == ::getppid() &&
        refused.error().message().find("process " + std::to_string(::getppid())) != std::string::npos;
    ::_exit(right ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
}

TEST_CASE("the lock is refused within one process too, and goes with its holder, even one that is killed") {
  const TempDir place;
  const DataDirectory directory{place.path()};
  {
    auto lock = DirectoryLock::acquire(directory);
    REQUIRE(lock);
    REQUIRE_FALSE(DirectoryLock::acquire(directory));
    const DirectoryLock moved = std::move(*lock);
    REQUIRE_FALSE(DirectoryLock::acquire(directory));
  }
  REQUIRE(DirectoryLock::acquire(directory));
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto lock = DirectoryLock::acquire(directory);
    const char told = lock ? 'y' : 'n';
    if (::write(ready[1], &told, 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char told = 0;
  REQUIRE(::read(ready[0], &told, 1) == 1);
  REQUIRE(told == 'y');
  REQUIRE_FALSE(DirectoryLock::acquire(directory));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  REQUIRE(DirectoryLock::acquire(directory));
}

TEST_CASE("a directory that is not there is refused with its path") {
  const TempDir place;
  const auto refused = DirectoryLock::acquire(DataDirectory{place / "none"});
  REQUIRE_FALSE(refused);
  REQUIRE(refused.error().holder == 0);
  REQUIRE(refused.error().message().find((place / "none").string()) != std::string::npos);
}

TEST_CASE("the default master key lies beside the directory, not in it") {
  REQUIRE(DataDirectory{"/srv/ledger"}.default_master_key() == "/srv/ledger.key");
  REQUIRE(DataDirectory{"/srv/ledger/"}.default_master_key() == "/srv/ledger.key");
  REQUIRE(DataDirectory{"/srv/x/../ledger/."}.default_master_key() == "/srv/ledger.key");
}

TEST_CASE("a boot has one id") {
  const std::string id = boot_id();
  REQUIRE((id.empty() || id.size() == 36));
  REQUIRE(boot_id() == id);
}
