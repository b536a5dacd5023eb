# What is known once per process: its id when the package was loaded, the package's version, the
# processors it may use, whether it was started as a worker of a cluster, and the polynomial
# contrasts that were needed so far.
session <- new.env(parent = emptyenv())

.onLoad <- function(libname, pkgname) {
  session$pid <- Sys.getpid()
  session$version <- unname(getNamespaceVersion(pkgname))
  set_s4_methods_on_load()
  on_load_of("marginaleffects", admit_to_marginaleffects)
  session$polynomial <- list()
  session$is_cluster_worker <- any(grepl("workRSOCK|slaveRSOCK", commandArgs()))
}
