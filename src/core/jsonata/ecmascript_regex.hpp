// The regular expressions of JSONata, in ECMAScript's dialect.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/text/regex_run.hpp"

namespace flowctl::jsonata {

using regex::Match;

class Regex {
  public:
    static Result<std::unique_ptr<Regex>, std::string> compile(std::string_view pattern,
                                                               std::string_view flags) {
        auto program = regex::compile(pattern, flags, regex::Dialect::EcmaScript, regex::Captures::Groups);
        if (!program.ok()) return Err{program.error()};
        return std::unique_ptr<Regex>(new Regex(pattern, std::move(program).value()));
    }

    // The first match at or after `from`.
    bool find(std::string_view text, std::size_t from, Budget& budget, Match& match) const {
        return regex::find(program_, text, from, budget, match);
    }

    std::string_view pattern() const noexcept { return pattern_; }

  private:
    Regex(std::string_view pattern, regex::Program program)
        : pattern_(pattern), program_(std::move(program)) {}
    std::string pattern_;
    regex::Program program_;
};

}  // namespace flowctl::jsonata
