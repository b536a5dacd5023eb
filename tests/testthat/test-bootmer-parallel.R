# The same seed gives the same samples: on any number of threads, in other processes, again.

with_threads <- function(fit, n) {
  fit$control <- rlmm_control(threads = n)
  fit
}

test_that("the number of threads changes nothing", {
  for (name in c("slope", "three", "penicillin")) {
    fit <- our_fit(name)
    run <- function(n, ...) bootMer(with_threads(fit, n), nsim = 150, seed = 9, ...)
    one <- run(1)
    for (n in c(2, 8)) {
      other <- run(n)
      expect_identical(other$t, one$t)
      expect_identical(other$singular, one$singular)
    }
  }
  cases <- function(n) {
    bootMer(with_threads(our_fit("slope"), n), nsim = 40, seed = 9, type = "cases")$t
  }
  expect_identical(cases(2), cases(1))
  expect_identical(cases(8), cases(1))
})

test_that("samples depend on their number alone, whatever the batches", {
  fit <- our_fit("slope")
  long <- bootMer(fit, nsim = 120, seed = 3)
  short <- bootMer(fit, nsim = 7, seed = 3)
  expect_identical(long$t[1:7, ], short$t)
  expect_identical(bootMer(fit, nsim = 7, seed = 3)$t, short$t)
  expect_false(identical(bootMer(fit, nsim = 7, seed = 4)$t, short$t))
})

test_that("set.seed() governs, and R's generator goes on", {
  fit <- our_fit("slope")
  draw <- function() {
    set.seed(5)
    b <- bootMer(fit, nsim = 3)
    list(b$t, b$seed, runif(1))
  }
  expect_identical(draw(), draw())
  two <- list(bootMer(fit, nsim = 3)$t, bootMer(fit, nsim = 3)$t)
  expect_false(identical(two[[1]], two[[2]]))
  set.seed(5)
  before <- .Random.seed
  bootMer(fit, function(m) rnorm(1), nsim = 3, seed = 1)
  expect_identical(.Random.seed, before)
  set.seed(5)
  b <- bootMer(fit, nsim = 3)
  expect_identical(bootMer(fit, nsim = 3, seed = b$seed)$t, b$t)
})

test_that("random numbers in FUN depend on the seed alone", {
  fit <- our_fit("slope")
  noise <- function(m) sigma(m) + rnorm(1)
  again <- bootMer(fit, noise, nsim = 9, seed = 1)$t
  expect_identical(bootMer(fit, noise, nsim = 9, seed = 1)$t, again)
  draws <- bootMer(fit, function(m) runif(1), nsim = 200, seed = 1)$t
  expect_equal(length(unique(draws)), 200)
})

test_that("another process finds the same", {
  skip_if_not(installed())
  fit <- our_fit("slope")
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  saveRDS(fit, file)
  out <- run_in_new_session(c("suppressMessages(library(rlmm))",
    paste0("fit <- readRDS(", deparse(file), ")"),
    "b <- bootMer(fit, nsim = 20, seed = 11)", "cat(format(b$t, digits = 17), sep = '\\n')"))
  expect_identical(as.numeric(out), as.vector(bootMer(fit, nsim = 20, seed = 11)$t))
})

test_that("plans of the future package give the local result", {
  skip_if_not_installed("future")
  skip_if_not(installed())
  fit <- our_fit("slope")
  newdata <- sleepstudy[c(1, 12), ]
  outside <- function(m) c(predict(m, newdata), noise = rnorm(1))
  local <- list(bootMer(fit, nsim = 50, seed = 2), bootMer(fit, outside, nsim = 30, seed = 2),
    bootMer(fit, nsim = 30, seed = 2, type = "cases"))
  expect_same <- function() {
    expect_identical(bootMer(fit, nsim = 50, seed = 2)$t, local[[1]]$t)
    expect_identical(bootMer(fit, outside, nsim = 30, seed = 2)$t, local[[2]]$t)
    expect_identical(bootMer(fit, nsim = 30, seed = 2, type = "cases")$t, local[[3]]$t)
  }
  old <- future::plan(future::multisession, workers = 2)
  on.exit(future::plan(old))
  expect_same()
  # a worker knows that it was another process
  pids <- bootMer(fit, function(m) Sys.getpid(), nsim = 8, seed = 2)$t
  expect_false(Sys.getpid() %in% pids)
  expect_gt(length(unique(pids)), 1)
  here <- bootMer(fit, function(m) Sys.getpid(), nsim = 2, seed = 2, parallel = "no")$t
  expect_true(all(here == Sys.getpid()))

  cluster <- future::makeClusterPSOCK("localhost", rscript_libs = .libPaths())
  on.exit(parallel::stopCluster(cluster), add = TRUE, after = FALSE)
  future::plan(future::cluster, workers = cluster)
  expect_same()
  future::plan(future::sequential)
  expect_identical(bootMer(fit, nsim = 50, seed = 2, parallel = "future")$t, local[[1]]$t)
})

test_that("forks and clusters of the parallel package give the local result", {
  skip_if_not(installed())
  fit <- our_fit("slope")
  local <- bootMer(fit, fixef, nsim = 12, seed = 2)$t
  cluster <- parallel::makePSOCKcluster(2)
  on.exit(parallel::stopCluster(cluster))
  parallel::clusterCall(cluster, eval, bquote(.libPaths(.(.libPaths()))), globalenv())
  there <- bootMer(fit, fixef, nsim = 12, seed = 2, parallel = "snow", cl = cluster)$t
  expect_identical(there, local)
  expect_identical(bootMer(fit, fixef, nsim = 12, seed = 2, parallel = "snow", ncpus = 2)$t, local)
  skip_on_os("windows")
  expect_identical(bootMer(fit, fixef, nsim = 12, seed = 2, parallel = "multicore", ncpus = 2)$t,
    local)
})

test_that("errors and messages come back from workers", {
  skip_if_not_installed("future")
  skip_if_not(installed())
  old <- future::plan(future::multisession, workers = 2)
  on.exit(future::plan(old))
  picky <- function(m) {
    if (sigma(m) > 26) stop("too large")
    warning("noticed")
    1
  }
  # FUN is called here for the fit itself: that warning is its own
  expect_warning(expect_warning(b <- bootMer(our_fit("slope"), picky, nsim = 20, seed = 1),
    "too large", class = "rlmm_bootstrap"), "noticed")
  sigmas <- bootMer(our_fit("slope"), sigma, nsim = 20, seed = 1)$t
  expect_equal(is.na(b$t), sigmas > 26, ignore_attr = TRUE)
  expect_equal(b$notes$count[b$notes$kind == "warning"], sum(sigmas <= 26))
})

test_that("progress goes through progressr", {
  skip_if_not_installed("progressr")
  # by default progressr is silent where nobody looks
  old <- options(progressr.enable = TRUE)
  on.exit(options(old))
  amounts <- function(expr) {
    seen <- 0
    withCallingHandlers(expr, progression = function(p) {
      seen <<- seen + if (identical(p$type, "update")) p$amount else 0
    })
    seen
  }
  expect_equal(amounts(bootMer(our_fit("slope"), nsim = 300, seed = 1)), 300)
  expect_equal(amounts(bootMer(our_fit("slope"), fixef, nsim = 20, seed = 1)), 20)
  expect_equal(amounts(bootMer(our_fit("slope"), nsim = 20, seed = 1, .progress = "none")), 0)
})

test_that("the bar of text fills up and tells the time left", {
  bar <- function(expr) paste(capture.output(invisible(expr), type = "message"), collapse = "")
  shown <- bar(bootMer(our_fit("slope"), fixef, nsim = 30, seed = 1, .progress = "txt",
    PBargs = list(width = 10)))
  expect_match(shown, "|==========| 100 %  0 s left", fixed = TRUE)
  expect_equal(bar(bootMer(our_fit("slope"), fixef, nsim = 30, seed = 1, .progress = "none")), "")
  # nothing is drawn for a second of work, and nothing where nobody looks
  quick <- text_bar(10, 20, quiet_for = 2)
  expect_equal(bar(quick(10)), "")
  expect_equal(bar(progress_reporter(10, "auto", available = FALSE)(5)), "")
  slow <- text_bar(10, 20, quiet_for = 0)
  expect_match(bar(slow(5)), "|==========          |  50 %", fixed = TRUE)
  expect_equal(trimws(c(time_text(30), time_text(600), time_text(7200))),
    c("30 s left", "10 minutes left", "2.0 hours left"))
})

test_that("an interrupt returns the samples that are complete", {
  skip_on_os("windows")
  skip_if_not(installed())
  out <- run_in_new_session(c(
    "suppressMessages(library(rlmm))",
    "fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)",
    "calls <- 0",
    "stop_at <- function(m) {",
    "  calls <<- calls + 1",
    "  if (calls == 30) { tools::pskill(Sys.getpid(), tools::SIGINT); Sys.sleep(5) }",
    "  fixef(m)",
    "}",
    "b <- withCallingHandlers(bootMer(fit, stop_at, nsim = 500, seed = 1),",
    "  rlmm_bootstrap = function(w) {",
    "  cat(conditionMessage(w), '\\n')", "  invokeRestart('muffleWarning')", "})",
    "all <- bootMer(fit, fixef, nsim = b$R, seed = 1)",
    "cat(b$R, nrow(b$t), identical(b$t, all$t), '\\n')"
  ))
  expect_match(out[1], "interrupted after [0-9]+ of 500 samples")
  facts <- strsplit(trimws(out[2]), " ")[[1]]
  expect_equal(facts[1], facts[2])
  expect_true(as.integer(facts[1]) %in% 1:29)
  expect_equal(facts[3], "TRUE")
})

test_that("an interrupt is seen while samples are fitted in Rust, and by the future framework", {
  skip_on_cran()
  skip_on_os("windows")
  skip_if_not(installed())
  code <- function(before, seconds, call) c(
    "suppressMessages(library(rlmm))",
    "fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)",
    before, paste0("system(sprintf('(sleep ", seconds, "; kill -INT %d) &', Sys.getpid()))"),
    "told <- ''", "time <- system.time(", "b <- withCallingHandlers(", call,
    ", rlmm_bootstrap = function(w) {", "  told <<- conditionMessage(w)",
    "  invokeRestart('muffleWarning')", "}))[[3]]",
    "same <- identical(b$t[1:5, , drop = FALSE], bootMer(fit, b$statistic, nsim = 5, seed = 1)$t)",
    "cat(grepl('interrupted', told), b$R > 4, b$R == nrow(b$t), same, time < 3)")
  out <- run_in_new_session(code("", 1, "bootMer(fit, nsim = 1e7, seed = 1)"))
  expect_equal(utils::tail(out, 1), "TRUE TRUE TRUE TRUE TRUE")

  skip_if_not_installed("future")
  out <- run_in_new_session(code(c("future::plan(future::multisession, workers = 2)",
    "b <- bootMer(fit, nsim = 4, seed = 1)",
    "slow <- function(m) { Sys.sleep(0.02); c(sigma = sigma(m)) }"), 3,
  "bootMer(fit, slow, nsim = 600, seed = 1)"))
  expect_match(utils::tail(out, 1), "^TRUE TRUE TRUE TRUE")
})
