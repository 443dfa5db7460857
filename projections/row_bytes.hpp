// The bytes of rows: big-endian integers and ids, appended and read back in order. Only for projections/
// itself.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "events/store/lmdb.hpp"

namespace ledger::projections {

/// Appends fields to a key or value.
class RowBytes {
 public:
  RowBytes() { bytes_.reserve(64); }

  template <std::integral T>
  RowBytes& number(T value) {
    std::uint8_t be[sizeof(T)];
    put_be(static_cast<std::make_unsigned_t<T>>(value), be);
    bytes_.insert(bytes_.end(), be, be + sizeof be);
    return *this;
  }
  RowBytes& byte(auto value) { return number(static_cast<std::uint8_t>(value)); }
  RowBytes& id(const Uuid& value) {
    bytes_.insert(bytes_.end(), value.bytes.begin(), value.bytes.end());
    return *this;
  }
  RowBytes& time(TimestampUs at) { return number(at.value); }
  RowBytes& text(std::string_view value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
  }
  RowBytes& bytes(Bytes value) { return text(text_of(value)); }

  [[nodiscard]] Bytes view() const { return std::as_bytes(std::span(bytes_)); }
  operator Bytes() const { return view(); }

 private:
  std::vector<std::uint8_t> bytes_;
};

/// Reads the fields of a row that we wrote. A row that ends too early is damaged: StoreDamage.
class RowReader {
 public:
  explicit RowReader(Bytes row) : rest_(row) {}

  template <std::integral T>
  [[nodiscard]] T number() {
    const Bytes field = take(sizeof(T));
    return static_cast<T>(
        get_be<std::make_unsigned_t<T>>(reinterpret_cast<const std::uint8_t*>(field.data())));
  }
  template <typename E>
  [[nodiscard]] E byte() {
    return static_cast<E>(number<std::uint8_t>());
  }
  [[nodiscard]] Uuid id() {
    Uuid value;
    std::memcpy(value.bytes.data(), take(value.bytes.size()).data(), value.bytes.size());
    return value;
  }
  [[nodiscard]] TimestampUs time() { return {number<std::int64_t>()}; }
  [[nodiscard]] std::string_view text(std::size_t length) { return text_of(take(length)); }
  [[nodiscard]] Bytes rest() const { return rest_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  Bytes take(std::size_t length) {
    if (length > rest_.size()) throw store::StoreDamage({0, "read a projection's row"});
    const Bytes field = rest_.first(length);
    rest_ = rest_.subspan(length);
    return field;
  }

  Bytes rest_;
};

}  // namespace ledger::projections
