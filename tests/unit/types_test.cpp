#include "events/core/types.hpp"

#include <limits>

#include <catch2/catch.hpp>

using ledger::Date;
using ledger::Digest;
using ledger::TimestampUs;
using ledger::Uuid;

TEST_CASE("a uuid reads back from its own text and from nothing else") {
  const std::string text = "018f2d5e-7c3a-7b6e-9d2f-0123456789ab";
  REQUIRE(Uuid::parse(text)->text() == text);
  REQUIRE(Uuid::parse("018F2D5E-7C3A-7B6E-9D2F-0123456789AB")->text() == text);
  for (const char* bad : {"", "018f2d5e7c3a7b6e9d2f0123456789ab", "018f2d5e-7c3a-7b6e-9d2f-0123456789ag",
                          "018f2d5e-7c3a-7b6e-9d2f-0123456789ab ", "018f2d5e_7c3a-7b6e-9d2f-0123456789ab"}) {
    REQUIRE_FALSE(Uuid::parse(bad));
  }
}

TEST_CASE("a digest reads back from its text, lower case only") {
  const std::string text = "sha256:" + std::string(63, 'a') + "0";
  REQUIRE(Digest::parse(text)->text() == text);
  REQUIRE_FALSE(Digest::parse("sha256:" + std::string(64, 'A')));
  REQUIRE_FALSE(Digest::parse(std::string(64, 'a')));
}

TEST_CASE("a timestamp keeps microseconds and accepts offsets") {
  const auto at = TimestampUs::parse("2026-10-01T08:30:00.123456Z");
  REQUIRE(at);
  REQUIRE(at->text() == "2026-10-01T08:30:00.123456Z");
  REQUIRE(*TimestampUs::parse("2026-10-01T16:30:00.123456+08:00") == *at);
  for (const char* bad :
       {"2026-10-01", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-10-01T24:00:00Z",
        "2026-10-01T08:30:00", "2026-10-01T08:30:00.1234567Z", "2026-10-01T08:30:00.Z"}) {
    REQUIRE_FALSE(TimestampUs::parse(bad));
  }
}

TEST_CASE("the day in Shanghai turns at 16:00 UTC") {
  REQUIRE(Date::of(*TimestampUs::parse("2026-12-31T15:59:59Z")).text() == "2026-12-31");
  REQUIRE(Date::of(*TimestampUs::parse("2026-12-31T16:00:00Z")).text() == "2027-01-01");
  REQUIRE(Date::of(*TimestampUs::parse("2026-12-31T16:00:00Z")).year() == 2027);
  REQUIRE_FALSE(Date::parse("2026-02-30"));
}

TEST_CASE("the ends of the range of time are texts and days like any other") {
  REQUIRE_FALSE(TimestampUs{std::numeric_limits<std::int64_t>::min()}.text().empty());
  REQUIRE_FALSE(TimestampUs{std::numeric_limits<std::int64_t>::max()}.text().empty());
  REQUIRE(Date::of(TimestampUs{std::numeric_limits<std::int64_t>::min()}).days == -106'751'991);
  REQUIRE(Date::of(TimestampUs{std::numeric_limits<std::int64_t>::max()}).days == 106'751'991);
  REQUIRE(TimestampUs{-1}.text() == "1969-12-31T23:59:59.999999Z");
}
