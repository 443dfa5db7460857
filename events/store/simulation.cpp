#include "events/store/simulation.hpp"

#include <stdexcept>

#include "events/store/indexes.hpp"
#include "events/store/writer.hpp"

namespace ledger::store {

std::expected<std::unique_ptr<Simulation>, EngineFault> Simulation::open(
    EngineOptions options, std::span<Projection* const> projections, std::uint64_t seed) {
  options.accept_clock = true;  // it is not asked
  std::array<std::uint8_t, 8> number{};
  put_be(seed, number.data());
  crypto::SecretKey key = crypto::hkdf_sha256(bytes_of(number), {bytes_of("filing-ledger/simulate/v1")});
  auto engine = Engine::open(std::move(options), projections, SimulationSeed(std::move(key)));
  if (!engine) return std::unexpected(std::move(engine.error()));
  return std::unique_ptr<Simulation>(new Simulation(std::move(*engine)));
}

Simulation::~Simulation() = default;

Outcome Simulation::run(const Submission& submission, TimestampUs at) {
  return engine_->writer().run(submission, at);
}

Digest Simulation::upload(const Uuid& subject, std::string content) {
  const auto key =
      engine_->writer().appender().record_key(document_record(engine_->stores().master, subject));
  if (!key) throw std::logic_error("a document of a subject that is not registered");
  return engine_->documents().put_later(subject, *key, std::move(content));
}

std::string_view Simulation::flush() {
  return engine_->writer().flush();
}

std::uint64_t Simulation::size() const {
  return engine_->writer().appender().size();
}

TimestampUs Simulation::last_recorded() const {
  return engine_->writer().appender().last_recorded();
}

}  // namespace ledger::store
