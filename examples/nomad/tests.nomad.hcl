# SPDX-License-Identifier: ISC
# A command in the guests of eight clones, whose statuses are the tasks'.
#   nomad job run -var root=/var/lib/instar tests.nomad.hcl
variable "snapshot" {
  type    = string
  default = "golden"
}

variable "root" {
  type    = string
  default = "/var/lib/instar"
}

# Where vm-clone and vm-exec are, and the script beside this directory.
variable "bin" {
  type    = string
  default = "/usr/bin"
}

variable "script" {
  type    = string
  default = "/usr/share/doc/instar/examples/run-in-clone.sh"
}

job "tests" {
  type = "batch"

  group "test" {
    count = 8

    task "run" {
      driver       = "raw_exec"
      kill_signal  = "SIGTERM"
      kill_timeout = "25s"

      config {
        command = "/bin/sh"
        args = [var.script, var.snapshot,
          "sh", "-c", "echo test $1 in $(uname -r)", "sh", "${NOMAD_ALLOC_INDEX}"]
      }

      env {
        INSTAR_ROOT   = var.root
        PATH          = "${var.bin}:/usr/sbin:/usr/bin:/sbin:/bin"
        CLONE_OPTIONS = "--stop-timeout 15s"
      }

      resources {
        cpu    = 500
        memory = 320
      }
    }
  }
}
