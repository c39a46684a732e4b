/* SPDX-License-Identifier: MIT */
/* Programs that a test runs beside it, such as a data base, and that never outlive its node: the
 * kernel kills them when the worker that started them is gone, however the node ended. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <lauxlib.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 64

int luaopen_process(lua_State *L);

/* Everything is looked up before the fork: behind it a child of a process with threads may call
 * nothing that takes a lock. */
struct program {
	const char *argv[ARGUMENTS_MAX + 1];
	const char *log;
	bool other_user;
	uid_t uid;
	gid_t gid;
	pid_t parent;
};

static bool become(const struct program *p)
{
	sigset_t none;
	int in = open("/dev/null", O_RDONLY),
	    out = open(p->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		return false;
	if (close_range(3, ~0u, 0) != 0)
		return false;
	if (p->other_user &&
	    (setgroups(0, NULL) != 0 || setgid(p->gid) != 0 || setuid(p->uid) != 0))
		return false;
	/* another user is no longer told, so this comes last; a parent that ended before is seen */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != p->parent)
		return false;
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static void find_user(lua_State *L, struct program *p, const char *name)
{
	const struct passwd *user = name && geteuid() == 0 ? getpwnam(name) : NULL;

	if (!user)
		return;
	p->other_user = true;
	p->uid = user->pw_uid;
	p->gid = user->pw_gid;
}

/* start { program, arguments..., log = file, user = name }: its pid. The user only counts for
 * root. What cannot be run ends with 127, and its log is empty. */
static int start(lua_State *L)
{
	struct program p = { .parent = getpid() };
	lua_Integer n;
	pid_t pid;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	n = luaL_len(L, 1);
	luaL_argcheck(L, n >= 1 && n <= ARGUMENTS_MAX, 1, "1 to 64 words expected");
	luaL_checkstack(L, (int)n + 8, "arguments");
	for (lua_Integer i = 0; i < n; i++) {
		lua_geti(L, 1, i + 1);
		p.argv[i] = luaL_checkstring(L, -1);
	}
	lua_getfield(L, 1, "log");
	p.log = luaL_optstring(L, -1, "/dev/null");
	lua_getfield(L, 1, "user");
	find_user(L, &p, luaL_optstring(L, -1, NULL));
	pid = fork();
	if (pid < 0)
		return luaL_error(L, "fork: %s", strerror(errno));
	if (pid == 0) {
		if (become(&p))
			execvp(p.argv[0], (char *const *)p.argv);
		_exit(127);
	}
	lua_pushinteger(L, pid);
	return 1;
}

/* signal(pid, name): KILL, STOP, CONT, TERM, INT or HUP. */
static int send_signal(lua_State *L)
{
	static const char *const names[] = { "KILL", "STOP", "CONT", "TERM", "INT", "HUP", NULL };
	static const int numbers[] = { SIGKILL, SIGSTOP, SIGCONT, SIGTERM, SIGINT, SIGHUP };
	pid_t pid = (pid_t)luaL_checkinteger(L, 1);

	luaL_argcheck(L, pid > 1, 1, "a process expected");
	lua_pushboolean(L, kill(pid, numbers[luaL_checkoption(L, 2, NULL, names)]) == 0);
	return 1;
}

/* ended(pid): nil while it runs; then its exit status, or minus the signal that ended it. A process
 * that is none of ours, or was asked for before, has ended with false. */
static int ended(lua_State *L)
{
	int status;
	pid_t pid = (pid_t)luaL_checkinteger(L, 1), found;

	luaL_argcheck(L, pid > 1, 1, "a process expected");
	found = waitpid(pid, &status, WNOHANG);
	if (found == 0)
		lua_pushnil(L);
	else if (found < 0)
		lua_pushboolean(L, false);
	else
		lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
	return 1;
}

int luaopen_process(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "start", start }, { "signal", send_signal }, { "ended", ended }, { NULL, NULL }
	};

	luaL_newlib(L, functions);
	return 1;
}
