# Fits stored by this version and by earlier ones answer as they did.

saved <- new.env()
sys.source(test_path("saved", "questions.R"), saved)

stored_files <- list.files(test_path("saved"), "[.]rds$", full.names = TRUE)

test_that("there are fits of this version, as it makes them", {
  file <- test_path("saved", paste0("rlmm-", packageVersion("rlmm"), ".rds"))
  # otherwise run data-raw/saved-fits.R
  expect_true(file.exists(file))
  stored <- readRDS(file)$fits
  fresh <- suppressWarnings(saved$fits_to_save())
  for (name in names(fresh)) {
    expect_named(stored[[name]], names(fresh[[name]]), label = name)
    expect_equal(lapply(stored[[name]]$random, names), lapply(fresh[[name]]$random, names))
    expect_named(stored[[name]]$optinfo, names(fresh[[name]]$optinfo), ignore.order = TRUE)
    expect_equal(stored[[name]]$theta, fresh[[name]]$theta, tolerance = 1e-6)
  }
})

test_that("stored fits answer as they did", {
  for (file in stored_files) {
    stored <- readRDS(file)
    for (name in names(stored$fits)) {
      answers <- evalq(ask, saved)(stored$fits[[name]], saved$saved_questions)
      # a later version may ask more
      for (question in intersect(names(stored$answers[[name]]), names(answers))) {
        expect_equal(answers[[question]], stored$answers[[name]][[question]], tolerance = 1e-6,
          label = paste(basename(file), name, question))
      }
    }
  }
})

test_that("stored fits answer in a session that knows nothing else", {
  skip_if_not(installed(), "rlmm is not installed")
  out <- run_in_new_session(c(
    "suppressMessages(library(rlmm))", "pdf(NULL)",
    paste0("source(", deparse(normalizePath(test_path("saved", "questions.R"))), ")"),
    paste0("files <- ", paste(deparse(normalizePath(stored_files)), collapse = "")),
    "for (file in files) for (fit in readRDS(file)$fits) {",
    "  for (q in c(as.list(saved_errands), as.list(saved_questions))) {",
    "    text <- paste(deparse(q), collapse = '')",
    "    tryCatch(invisible(capture.output({ suppressMessages(eval(q)); NULL })),",
    "      error = function(e) cat('FAILED', basename(file), text, conditionMessage(e), '\\n'),",
    "      warning = function(w) cat('WARNED', basename(file), text, conditionMessage(w), '\\n'))",
    "  }",
    "}",
    "cat('finished\\n')"
  ))
  expect_equal(out, "finished")
})
