// The regular expressions of filters (=~), in Java's dialect.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/text/regex_run.hpp"

namespace flowctl::path {

class Regex {
  public:
    static Result<Regex, std::string> compile(std::string_view pattern, std::string_view flags) {
        auto program = regex::compile(pattern, flags, regex::Dialect::Java, regex::Captures::None);
        if (!program.ok()) return Err{"regular expression: " + program.error()};
        return Regex(std::move(program).value());
    }

    // Whether the whole text matches.
    bool matches(std::string_view text, Budget& budget) const {
        return regex::matches(program_, text, budget);
    }

  private:
    explicit Regex(regex::Program program) : program_(std::move(program)) {}
    regex::Program program_;
};

}  // namespace flowctl::path
