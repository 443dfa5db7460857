// A survival curve as a drawing: SVG 1.1 of a few elements, in Chinese and English, light and dark.
#pragma once

#include <string>

#include "server/read/durations.hpp"

namespace ledger::server {

/// The share of stays that still last, over days, as a step function with its 95 % interval as a band and the
/// median marked; with a title and a description for who does not see it. Where there is nothing to draw it
/// says why. One step a pixel is drawn at most, however many there are. Pure; any thread.
[[nodiscard]] std::string draw_durations(const Durations& durations);

}  // namespace ledger::server
