# Where bootstrap replicates are computed: here, or in processes that the user provides.

# All replicates of a task, however they are spread.
run_task <- function(task, nsim, statistic, where, report) {
  if (where$how == "no" || nsim < 2L) return(run_range(task, 0L, nsim, statistic, report))
  ranges <- split_range(nsim, where$chunks)
  worker <- range_worker(task, statistic, report, where$how)
  parts <- switch(where$how,
    future = run_futures(ranges, worker),
    multicore = parallel::mclapply(ranges, worker, mc.cores = where$workers),
    snow = run_on_cluster(ranges, worker, where)
  )
  combine_ranges(parts)
}

# In an environment of its own: it is sent to the workers whole. futures look through it for what
# the user's function needs.
range_worker <- function(task, statistic, report, how) {
  force(task)
  force(statistic)
  if (how != "future") report <- function(done) NULL
  force(report)
  function(range) run_range(task, range[1L], range[2L], statistic, report)
}

# First replicate and count of each part.
split_range <- function(nsim, chunks) {
  chunks <- max(1L, min(nsim, chunks))
  ends <- as.integer(round(seq(0, nsim, length.out = chunks + 1L)))
  Map(function(from, to) c(from, to - from), ends[-length(ends)], ends[-1L])
}

# The parts that are complete, in their order.
combine_ranges <- function(parts) {
  failed <- vapply(parts, inherits, NA, "try-error")
  if (any(failed)) {
    stop_rlmm("internal", paste0("a worker failed: ",
      conditionMessage(attr(parts[[which(failed)[1L]]], "condition"))))
  }
  there <- lengths(parts) > 1L
  c(joined(parts[there]), done = sum(vapply(parts[there], `[[`, 0, "done")))
}

# After an interrupt those that are ready are kept, the others cancelled by leaving them.
run_futures <- function(ranges, worker) {
  futures <- list()
  parts <- vector("list", length(ranges))
  tryCatch({
    for (range in ranges) futures <- c(futures, list(start_future(worker, range)))
    for (k in seq_along(futures)) parts[[k]] <- future::value(futures[[k]])
  }, interrupt = function(e) {
    for (k in seq_along(futures)) {
      if (is.null(parts[[k]]) && future::resolved(futures[[k]])) {
        parts[[k]] <<- future::value(futures[[k]])
      }
    }
  })
  parts
}

start_future <- function(worker, range) {
  future::future(worker(range), packages = "rlmm", seed = NULL)
}

run_on_cluster <- function(ranges, worker, where) {
  cl <- where$cl
  if (is.null(cl)) {
    cl <- parallel::makePSOCKcluster(where$workers)
    on.exit(parallel::stopCluster(cl))
    set_paths <- substitute(.libPaths(paths), list(paths = .libPaths()))
    parallel::clusterCall(cl, eval, set_paths, globalenv())
  }
  parallel::parLapply(cl, ranges, worker)
}

# From lme4's arguments. By default this process and its threads, unless the user has set up a plan
# of the future package that is not sequential.
where_to_run <- function(parallel, ncpus, cl) {
  how <- one_of(parallel, c("auto", "no", "multicore", "snow", "future"), "parallel")
  if (how == "auto") how <- if (is_future_planned()) "future" else "no"
  if (how == "no") return(list(how = how))
  if (how == "future") {
    need_package("future", "parallel = \"future\"")
    workers <- future::nbrOfWorkers()
    return(list(how = how, chunks = if (is.finite(workers)) 4L * workers else 100L))
  }
  need_package("parallel", paste0("parallel = \"", how, "\""))
  workers <- if (how == "snow" && !is.null(cl)) length(cl) else check_count(ncpus, "ncpus")
  list(how = how, workers = workers, cl = cl, chunks = workers)
}

is_future_planned <- function() {
  isNamespaceLoaded("future") && !inherits(future::plan(), "sequential")
}
