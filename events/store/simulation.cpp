#include "events/store/simulation.hpp"

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

DocumentResult<Digest> Simulation::upload(const Uuid& subject, std::string_view content) {
  const auto key =
      engine_->writer().appender().record_key(document_record(engine_->stores().master, subject));
  if (!key) return std::unexpected(DocumentFault{DocumentFailure::unknown, 0, "no such subject"});
  auto writer = engine_->documents().begin(subject, *key, content.size());
  if (!writer) return std::unexpected(writer.error());
  if (auto written = writer->write(bytes_of(content)); !written) return std::unexpected(written.error());
  auto stored = writer->finish(DocumentSync::later);
  if (!stored) return std::unexpected(stored.error());
  return stored->digest;
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
