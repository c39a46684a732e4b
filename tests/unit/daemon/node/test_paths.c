/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/base.h"
#include "daemon/admin/socket.h"
#include "daemon/admin/words.h"
#include "daemon/node/paths.h"
#include "daemon/admin/sockpath.h"

/* A throw-away folder. */
struct tree {
	char dir[64];
};

static int setup(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	strcpy(t->dir, "/tmp/harbord-test-paths-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct tree *t = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", t->dir);
	assert_int_equal(system(command), 0);
	free(t);
	unsetenv("RUNTIME_DIRECTORY");
	unsetenv("XDG_RUNTIME_DIR");
	return 0;
}

/* Makes the folders on the way and an empty file. */
static void make_file(struct tree *t, const char *name)
{
	char command[256];

	snprintf(command, sizeof(command), "mkdir -p \"$(dirname '%s/%s')\" && : > '%s/%s'", t->dir,
		 name, t->dir, name);
	assert_int_equal(system(command), 0);
}

static void expect_lua(struct tree *t, const char *exe_dir, const char *lua)
{
	char directory[128], expected[128], got[PATH_MAX];

	snprintf(directory, sizeof(directory), "%s/%s", t->dir, exe_dir);
	snprintf(expected, sizeof(expected), "%s/%s", t->dir, lua);
	assert_int_equal(paths_lua_near(directory, got), 0);
	assert_string_equal(got, expected);
}

static void the_lua_files_are_found_from_every_build_folder(void **state)
{
	struct tree *t = *state;

	make_file(t, "lua/service/bootstrap.lua");
	make_file(t, "build/san-thread/faults/harbord");
	expect_lua(t, "build", "lua");
	expect_lua(t, "build/san-thread", "lua");
	expect_lua(t, "build/san-thread/faults", "lua");
}

static void installed_lua_files_come_first(void **state)
{
	struct tree *t = *state;

	make_file(t, "share/harbord/lua/service/bootstrap.lua");
	make_file(t, "lua/service/bootstrap.lua");
	make_file(t, "sbin/harbord");
	expect_lua(t, "sbin", "share/harbord/lua");
}

static void a_lua_folder_that_is_not_ours_is_not_taken(void **state)
{
	struct tree *t = *state;
	char got[PATH_MAX] = "untouched";

	make_file(t, "lua/something.lua");
	make_file(t, "build/harbord");
	char directory[128];

	snprintf(directory, sizeof(directory), "%s/build", t->dir);
	assert_int_equal(paths_lua_near(directory, got), -ENOENT);
	assert_string_equal(got, "untouched");
}

static void a_service_is_looked_for_in_every_template(void **state)
{
	struct tree *t = *state;
	char templates[256];

	make_file(t, "a/game.lua");
	make_file(t, "b/shop/init.lua");
	snprintf(templates, sizeof(templates), "%s/a/?.lua;;%s/b/?/init.lua", t->dir, t->dir);
	assert_true(paths_has_service(templates, "game"));
	assert_true(paths_has_service(templates, " game with arguments"));
	assert_true(paths_has_service(templates, "shop"));
	assert_false(paths_has_service(templates, "gam"));
	assert_false(paths_has_service("", "game"));
}

static void the_control_socket_is_where_systemd_says(void **state)
{
	char path[SOCKPATH_MAX], name[SOCKPATH_MAX];

	setenv("RUNTIME_DIRECTORY", "/run/harbor/game-1:/run/other", 1);
	assert_int_equal(sockpath_make(0, "game-1", 1, path), 0);
	assert_string_equal(path, "/run/harbor/game-1/game-1.sock");
	assert_int_equal(sockpath_make(0, "game-1", 12, path), 0);
	assert_string_equal(path, "/run/harbor/game-1/game-1+12.sock");
	sockpath_name(path, name);
	assert_string_equal(name, "game-1");
	sockpath_name("/run/user/1/harbord-a.b.sock", name);
	assert_string_equal(name, "a.b");
}

static void a_users_node_has_its_socket_in_the_users_directory(void **state)
{
	struct tree *t = *state;
	char path[SOCKPATH_MAX], expected[SOCKPATH_MAX];

	unsetenv("RUNTIME_DIRECTORY");
	setenv("XDG_RUNTIME_DIR", t->dir, 1);
	assert_int_equal(sockpath_make(0, "game-1", 1, path), -ENOENT);
	assert_int_equal(sockpath_make(1, "game-1", 1, path), 0);
	snprintf(expected, sizeof(expected), "%s/harbord-game-1.sock", t->dir);
	assert_string_equal(path, expected);
}

struct seen {
	const char *path;
	unsigned here, all;
};

static void see(const char *path, void *ud)
{
	struct seen *s = ud;

	s->all++;
	s->here += strcmp(path, s->path) == 0;
}

static void harborctl_finds_what_the_node_made(void **state)
{
	static const char *const variables[] = { "RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR" };
	struct tree *t = *state;

	for (unsigned place = 0; place < SOCKPATH_PLACES; place++) {
		struct sockaddr_un un = { .sun_family = AF_UNIX };
		struct seen seen = { .path = un.sun_path };
		int fd = socket(AF_UNIX, SOCK_STREAM, 0), r;
		char name[64];

		unsetenv(variables[0]);
		unsetenv(variables[1]);
		if (place < array_len(variables))
			setenv(variables[place], t->dir, 1);
		snprintf(name, sizeof(name), "harbord-test-%ld", (long)getpid());
		r = sockpath_make(place, name, 1, un.sun_path);
		if (place == 2 && geteuid() != 0) {
			assert_int_equal(r, -ENOENT);
			close(fd);
			continue;
		}
		assert_int_equal(r, 0);
		sockpath_foreach(see, &seen);
		assert_int_equal(seen.here, 0);
		assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
		seen.all = 0;
		sockpath_foreach(see, &seen);
		assert_int_equal(seen.here, 1);
		if (place == 0) /* a service sees the nodes of its own folder only */
			assert_int_equal(seen.all, 1);
		unlink(un.sun_path);
		close(fd);
	}
}

static void nobody_sets_up_a_folder_for_another_user(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct seen seen = { .path = un.sun_path };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char folder[64];

	snprintf(folder, sizeof(folder), "/tmp/harbord-%u", 3000000000u + (unsigned)getpid());
	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s/x.sock", folder);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	sockpath_foreach(see, &seen);
	assert_int_equal(seen.here, 0);
	unlink(un.sun_path);
	rmdir(folder);
	close(fd);
}

static void a_path_that_does_not_fit_is_refused(void **state)
{
	char path[SOCKPATH_MAX], name[SOCKPATH_MAX];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	setenv("RUNTIME_DIRECTORY", "/run/harbor", 1);
	assert_int_equal(sockpath_make(0, name, 1, path), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_lua_files_are_found_from_every_build_folder,
						setup, teardown),
		cmocka_unit_test_setup_teardown(installed_lua_files_come_first, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lua_folder_that_is_not_ours_is_not_taken, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_service_is_looked_for_in_every_template, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_control_socket_is_where_systemd_says, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_users_node_has_its_socket_in_the_users_directory,
						setup, teardown),
		cmocka_unit_test_setup_teardown(harborctl_finds_what_the_node_made, setup,
						teardown),
		cmocka_unit_test(nobody_sets_up_a_folder_for_another_user),
		cmocka_unit_test_setup_teardown(a_path_that_does_not_fit_is_refused, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("daemon/paths", tests, NULL, NULL);
}
