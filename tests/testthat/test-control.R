test_that("the defaults and what is given", {
  control <- rlmm_control(tol = 1e-6, max_eval = 20, check = list(rank_X = "stop"))
  expect_s3_class(control, "rlmm_control")
  expect_equal(control$tol, 1e-6)
  expect_identical(control$max_eval, 20L)
  expect_equal(control$check, list(nlev_gtr_1 = "stop", nobs_vs_nlev = "stop",
    nobs_vs_nRE = "stop", rank_X = "stop"))
  expect_equal(as_control(list(tol = 1e-6, max_eval = 20, check = list(rank_X = "stop"))), control)
  expect_equal(as_control(NULL), rlmm_control())
})

test_that("what cannot be a setting is an error that names it", {
  expect_rlmm_error(rlmm_control(optimizer = "bobyqa"), "control", "'optimizer'", "max_eval",
    fields = list(column = "optimizer"))
  expect_rlmm_error(rlmm_control(check.nobs.vs.nlev = "ignore"), "control", "nobs_vs_nlev")
  expect_rlmm_error(rlmm_control(check = list(nlev = "stop")), "control", "'nlev'", "'rank_X'")
  expect_rlmm_error(rlmm_control(check = list("stop")), "control", "check")
  expect_rlmm_error(rlmm_control(check = list(rank_X = "drop")), "control", "'rank_X'", "'ignore'")
  expect_rlmm_error(rlmm_control(check = TRUE), "control", "'check'")
  expect_rlmm_error(rlmm_control(tol = -1), "control", "'tol'")
  expect_rlmm_error(rlmm_control(max_eval = 1e10), "control", "'max_eval'")
  expect_rlmm_error(rlmm_control(threads = 0.5), "control", "'threads'")
  expect_rlmm_error(rlmm_control(progress = NA), "control", "'progress'")
  expect_rlmm_error(as_control(structure(list(), class = "merControl")), "control", "merControl")
})

restore_variables <- function(values) {
  Sys.unsetenv(names(values))
  values <- values[!is.na(values)]
  if (length(values)) do.call(Sys.setenv, as.list(values))
}

# Evaluates code as on a machine with so many processors, without limits set by the user.
with_session <- function(code, processors = 8L, pid = Sys.getpid()) {
  old <- as.list(session)
  on.exit({
    session$processors <- old$processors
    session$pid <- old$pid
  })
  session$processors <- processors
  session$pid <- pid
  settings <- options(rlmm.threads = NULL, mc.cores = NULL)
  on.exit(options(settings), add = TRUE)
  variables <- c("OMP_THREAD_LIMIT", "_R_CHECK_LIMIT_CORES_")
  values <- Sys.getenv(variables, NA, names = TRUE)
  Sys.unsetenv(variables)
  on.exit(restore_variables(values), add = TRUE)
  force(code)
}

test_that("the number of threads", {
  expect_identical(with_session(thread_count()), 4L)
  expect_identical(with_session(thread_count(), processors = 3L), 2L)
  expect_identical(with_session(thread_count(), processors = 1L), 1L)
  expect_identical(with_session({
    options(rlmm.threads = 6)
    thread_count()
  }), 6L)
  expect_identical(with_session({
    options(rlmm.threads = 6)
    thread_count(rlmm_control(threads = 3))
  }), 3L)
  expect_identical(with_session(thread_count(rlmm_control(threads = 64))), 8L)
  expect_rlmm_error(with_session({
    options(rlmm.threads = "many")
    thread_count()
  }), "control", "rlmm.threads")
})

test_that("limits in the environment", {
  limited <- function(...) {
    with_session({
      Sys.setenv(...)
      thread_count(rlmm_control(threads = 8))
    })
  }
  expect_identical(limited(OMP_THREAD_LIMIT = "3"), 3L)
  expect_identical(limited(OMP_THREAD_LIMIT = "none"), 8L)
  expect_identical(limited(`_R_CHECK_LIMIT_CORES_` = "TRUE"), 2L)
  expect_identical(limited(`_R_CHECK_LIMIT_CORES_` = "false"), 8L)
})

test_that("one thread in forks and workers", {
  expect_identical(with_session(thread_count(), pid = Sys.getpid() + 1L), 1L)
  expect_identical(with_session({
    options(rlmm.threads = 6)
    thread_count()
  }, pid = Sys.getpid() + 1L), 1L)
  expect_identical(with_session({
    options(mc.cores = 1)
    thread_count()
  }), 1L)
  skip_on_os("windows")
  in_fork <- with_session(parallel::mccollect(parallel::mcparallel(thread_count()))[[1]])
  expect_identical(in_fork, 1L)
})

test_that("processors of this process", {
  expect_gte(affinity_processors(), 1L)
  expect_identical(quota_ratio(c("150000", "100000")), 1.5)
  expect_identical(quota_ratio(c("max", "100000")), NA_real_)
  expect_identical(quota_ratio(c("-1", "100000")), NA_real_)
  expect_identical(quota_ratio(character()), NA_real_)
})
