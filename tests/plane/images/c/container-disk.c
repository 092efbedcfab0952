// The program that KubeVirt runs inside a containerDisk's image: it keeps the container alive and
// announces it by a listening socket PATH.sock, through whose peer virt-handler finds the
// container's root. Ends on SIGTERM or as soon as the socket is gone. KubeVirt's own is C, not Go,
// so the module does not give a binary of it; this one speaks the same three arguments.
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void stop(int signal) {
  (void)signal;
  unlink(address.sun_path);
  _exit(0);
}

static int fail(const char *what) {
  perror(what);
  return 1;
}

int main(int argc, char **argv) {
  const char *path = 0;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--no-op")) return 0;
    if ((!strcmp(argv[i], "--copy-path") || !strcmp(argv[i], "-c")) && i + 1 < argc)
      path = argv[++i];
    else if (!strncmp(argv[i], "--copy-path=", 12))
      path = argv[i] + 12;
  }
  if (!path) {
    fputs("container-disk: --copy-path PATH is missing\n", stderr);
    return 1;
  }
  int length = snprintf(address.sun_path, sizeof address.sun_path, "%s.sock", path);
  if (length < 0 || (size_t)length >= sizeof address.sun_path) {
    fputs("container-disk: path too long for a socket\n", stderr);
    return 1;
  }
  // The folder of the socket may be the first one's to make; that it exists already is no error.
  char folder[sizeof address.sun_path];
  strcpy(folder, path);
  char *slash = strrchr(folder, '/');
  if (slash && slash != folder) {
    *slash = 0;
    mkdir(folder, 0777);
  }
  struct sigaction on_stop = {.sa_handler = stop};
  sigaction(SIGTERM, &on_stop, 0);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) return fail("container-disk: socket");
  if (bind(listener, (struct sockaddr *)&address, sizeof address)) return fail("container-disk: bind");
  if (listen(listener, 50)) return fail("container-disk: listen");
  struct pollfd wait = {.fd = listener, .events = POLLIN};
  struct stat still_there;
  // A lost SIGTERM must not leave the pod hanging: the removed socket says the same.
  while (stat(address.sun_path, &still_there) == 0) {
    if (poll(&wait, 1, 1000) > 0) {
      int peer = accept(listener, 0, 0);
      if (peer >= 0) close(peer);
    }
  }
  return 0;
}
