// What fuzzing has found, once more: every kept input of one fuzz target, without libFuzzer.
//
// The Makefile links this with each test/fuzz/*_fuzz.cpp in turn and names its files. Seeds (test/fuzz/seeds) are
// inputs as they are, one a line; the corpus (test/fuzz/corpus), made by `make -C test/fuzz keep`, writes what a line
// cannot hold as \n, \\ and \xHH. A target says that something is wrong by aborting, as libFuzzer's do; the line that was
// being read is told then.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

namespace {

const char* reading = "";
int line_number = 0;

void tell_line(int) {
    std::fprintf(stderr, "%s:%d: this input does it\n", reading, line_number);
    std::signal(SIGABRT, SIG_DFL);
    std::abort();
}

int value_of(char digit) {
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

std::string unescaped(const std::string& line) {
    std::string out;
    for (std::size_t i = 0; i < line.size(); i++) {
        if (line[i] != '\\') {
            out += line[i];
        } else if (line.at(i + 1) == 'x') {
            out += static_cast<char>(value_of(line.at(i + 2)) * 16 + value_of(line.at(i + 3)));
            i += 3;
        } else {
            out += line.at(i + 1) == 'n' ? '\n' : '\\';
            i++;
        }
    }
    return out;
}

void replay(const char* path, bool escaped, int& count) {
    std::ifstream file(path);
    ASSERT_TRUE(file) << path;
    reading = path;
    line_number = 0;
    for (std::string line; std::getline(file, line);) {
        line_number++;
        const std::string input = escaped ? unescaped(line) : line;
        (void)LLVMFuzzerTestOneInput(reinterpret_cast<const unsigned char*>(input.data()), input.size());
        count++;
    }
}

}  // namespace

TEST(Corpus, CORPUS_TARGET) {
    std::signal(SIGABRT, tell_line);
    int count = 0;
    replay(CORPUS_SEEDS, false, count);
    replay(CORPUS_FILE, true, count);
    std::signal(SIGABRT, SIG_DFL);
    EXPECT_GT(count, 0);
}
