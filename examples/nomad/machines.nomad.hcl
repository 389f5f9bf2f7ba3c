# SPDX-License-Identifier: ISC
# Three machines: clones of one snapshot, each for as long as its task.
#   nomad job run -var root=/var/lib/instar machines.nomad.hcl
variable "snapshot" {
  type    = string
  default = "golden"
}

# The store on each client; its owner is who the tasks run as.
variable "root" {
  type    = string
  default = "/var/lib/instar"
}

variable "bin" {
  type    = string
  default = "/usr/bin"
}

job "machines" {
  type = "service"

  group "machine" {
    count = 3

    task "vm" {
      driver       = "raw_exec"
      kill_signal  = "SIGTERM"
      kill_timeout = "25s" # more than --stop-timeout

      config {
        command = "${var.bin}/vm-clone"
        args = ["--foreground", "--rm", "--console", "--stop-timeout", "15s",
          "--name", "${NOMAD_JOB_NAME}-${NOMAD_ALLOC_INDEX}", var.snapshot]
      }

      env {
        INSTAR_ROOT = var.root
      }

      # The guest's memory, and 64 MiB for its hypervisor.
      resources {
        cpu    = 500
        memory = 320
      }
    }
  }
}
