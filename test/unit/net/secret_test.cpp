// Secret files: which are read, which are refused, and that no message holds their content.
#include "net/crypto/secret.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace flowctl::net {
namespace {

class SecretFile : public ::testing::Test {
  protected:
    void SetUp() override {
        char path[] = "/tmp/flowctl-secret-XXXXXX";
        ASSERT_NE(mkdtemp(path), nullptr);
        directory_ = path;
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }

    void write(const std::string& name, const std::string& content, mode_t mode = 0600) {
        const std::string path = directory_ + "/" + name;
        std::ofstream(path, std::ios::binary) << content;
        ASSERT_EQ(chmod(path.c_str(), mode), 0);
    }
    std::string read(const std::string& name) {
        auto result = read_secret_file(directory_, name);
        if (const auto* secret = std::get_if<Secret>(&result)) return std::string(secret->reveal());
        const std::string& message = std::get<std::string>(result);
        EXPECT_EQ(message.find("hunter2"), std::string::npos) << message;
        return "error: " + message;
    }

    std::string directory_;
};

TEST_F(SecretFile, ContentWithoutOneNewline) {
    write("a", "hunter2");
    EXPECT_EQ(read("a"), "hunter2");
    write("b", "hunter2\n");
    EXPECT_EQ(read("b"), "hunter2");
    write("c", "hunter2\r\n");
    EXPECT_EQ(read("c"), "hunter2");
    write("d", "hunter2\n\n");
    EXPECT_EQ(read("d"), "hunter2\n");
    write("e", std::string("a\0b", 3));
    EXPECT_EQ(read("e"), std::string("a\0b", 3));
    write("f", "hunter2", 0400);
    EXPECT_EQ(read("f"), "hunter2");
}

TEST_F(SecretFile, Modes) {
    const bool root = geteuid() == 0;
    for (const mode_t mode : {0604, 0644, 0660, 0620, 0610, 0601, 0777, 0666})
        for (const char* name : {"loose"}) {
            write(name, "hunter2", mode);
            EXPECT_TRUE(read(name).starts_with("error: secret file \"loose\" has group or world access"))
                << std::oct << mode;
        }
    write("group", "hunter2", 0640);
    EXPECT_EQ(read("group").starts_with("error"), !root) << "0640 is for files that root owns";
    if (!root) return;
    write("other", "hunter2");
    ASSERT_EQ(chown((directory_ + "/other").c_str(), 65534, 65534), 0);
    EXPECT_TRUE(read("other").ends_with("must be owned by the server's user or root"));
}

TEST_F(SecretFile, OnlyRegularFilesInTheDirectory) {
    write("real", "hunter2");
    ASSERT_EQ(symlink((directory_ + "/real").c_str(), (directory_ + "/link").c_str()), 0);
    EXPECT_EQ(read("link"), "error: secret file \"link\" is a symbolic link");
    ASSERT_EQ(mkfifo((directory_ + "/fifo").c_str(), 0600), 0);
    EXPECT_EQ(read("fifo"), "error: secret file \"fifo\" is not a regular file");
    ASSERT_EQ(mkdir((directory_ + "/dir").c_str(), 0700), 0);
    EXPECT_EQ(read("dir"), "error: secret file \"dir\" is not a regular file");
    EXPECT_TRUE(read("absent").starts_with("error: secret file \"absent\" cannot be opened: "));
    EXPECT_TRUE(read("../" + directory_.substr(5) + "/real")
                    .starts_with("error: a secret file must be a plain file name"));
    EXPECT_EQ(std::get<std::string>(read_secret_file("", "real")),
              "secret file \"real\" cannot be read: flowctl.secrets_dir is not set");
}

TEST_F(SecretFile, Sizes) {
    write("empty", "");
    EXPECT_EQ(read("empty"), "error: secret file \"empty\" is empty");
    write("newline", "\n");
    EXPECT_EQ(read("newline"), "error: secret file \"newline\" is empty");
    write("most", std::string(64 * 1024, 'x'));
    EXPECT_EQ(read("most").size(), 64u * 1024);
    write("more", std::string(64 * 1024 + 1, 'x'));
    EXPECT_EQ(read("more"), "error: secret file \"more\" is larger than 64 kB");
}

TEST(Secret, PlainFileNames) {
    for (const char* name : {"a", "orders.pem", "..x", ".hidden", "a b", "\u00fc"})
        EXPECT_TRUE(is_plain_file_name(name)) << name;
    for (const char* name : {"", ".", "..", "a/b", "/etc/passwd", "../x", "a\nb", "a\x7f"})
        EXPECT_FALSE(is_plain_file_name(name)) << name;
    EXPECT_FALSE(is_plain_file_name(std::string_view("a\0b", 3)));
    EXPECT_FALSE(is_plain_file_name(std::string(256, 'x')));
}

TEST(Secret, MovesAndClones) {
    Secret first("hunter2");
    Secret copy = first.clone();
    Secret moved = std::move(first);
    EXPECT_EQ(moved.reveal(), "hunter2");
    EXPECT_EQ(copy.reveal(), "hunter2");
    EXPECT_NE(copy.reveal().data(), moved.reveal().data());
    copy = Secret("x");
    EXPECT_EQ(copy.reveal(), "x");
    EXPECT_TRUE(Secret().empty());
    EXPECT_EQ(Secret("").reveal(), "");
}

TEST(FileNames, AreSeparatedByCommas) {
    using Names = std::vector<std::string>;
    EXPECT_EQ(file_names(""), Names());
    EXPECT_EQ(file_names("  "), Names());
    EXPECT_EQ(file_names("a"), Names({"a"}));
    EXPECT_EQ(file_names(" a b , c.pem,d "), Names({"a b", "c.pem", "d"}));
    EXPECT_EQ(file_names("a,"), Names({"a"}));
    EXPECT_EQ(file_names("a,,b"), Names({"a", "", "b"}));
}

TEST(FileNames, ArePlainAndFew) {
    for (const char* list : {"", " ", "a", "a, b", "a,"})
        EXPECT_EQ(objection_to_file_names(list), nullptr) << list;
    for (const char* list : {",", "a,,b", "a/b", "a, ..", ".", "a\nb", ",a"})
        EXPECT_NE(objection_to_file_names(list), nullptr) << list;
    std::string many = "f";
    for (int i = 1; i < 16; ++i)
        many += ",f";
    EXPECT_EQ(objection_to_file_names(many), nullptr);
    EXPECT_STREQ(objection_to_file_names(many + ",f"), "It may name 16 files at most.");
}

}  // namespace
}  // namespace flowctl::net
