# Bootstrap replicates: drawn and fitted in Rust, in batches; a statistic of the user's in R.

# Seconds that a batch is to take: progress is told, and an interrupt looked at, between batches.
BATCH_SECONDS <- 0.25

# Samples that a batch may have, and numbers of all of them when the statistic is computed in R.
BATCH_SAMPLES <- 2000
BATCH_NUMBERS <- 2e6

# Replicates first, ..., first + count - 1 of a task, each of which depends on the task and its
# number alone. `report` is told how many have been done; after an interrupt what is complete is
# returned. A list of
# * t: one row for each replicate; singular: which terms are; evaluations;
# * error, doubt: texts, NA where there is nothing to say; conditions: see evaluate_statistic().
run_range <- function(task, first, count, statistic = NULL, report = function(done) NULL) {
  growth <- if (is.null(statistic)) 100 else 4
  parts <- keep_generator(in_batches(function() batch_drawer(task, statistic), first, count, report,
    growth, if (is.null(statistic)) 0 else task$numbers))$parts
  done <- sum(vapply(parts, function(part) length(part$error), 1L))
  c(joined(parts), done = done)
}

# What a function of first and count gives for batches of first, ..., first + count - 1; the
# function comes from `make`. A list of these `parts`, and whether there was an interrupt: then they
# are what was complete. `numbers`: how much memory one sample takes.
in_batches <- function(make, first, count, report, growth, numbers = 0) {
  parts <- list()
  interrupted <- tryCatch({
    draw <- make()
    done <- 0L
    size <- if (growth < 100) 4L else 16L
    while (done < count) {
      size <- as.integer(min(size, count - done))
      started <- Sys.time()
      parts <- c(parts, list(draw(first + done, size)))
      done <- done + size
      report(size)
      seconds <- as.numeric(Sys.time() - started, units = "secs")
      size <- next_size(size, seconds, growth, numbers)
    }
    FALSE
  }, interrupt = function(e) TRUE)
  list(parts = parts, interrupted = interrupted)
}

# More at a time, up to `growth` times, as long as batches are quick.
next_size <- function(size, seconds, growth, numbers) {
  wanted <- size * BATCH_SECONDS / max(seconds, 1e-3)
  limit <- min(BATCH_SAMPLES, if (numbers > 0) max(1, BATCH_NUMBERS / numbers))
  as.integer(max(1, min(wanted, growth * size, limit)))
}

joined <- function(parts) {
  if (length(parts) == 0L) return(list())
  collect <- function(name) lapply(parts, `[[`, name)
  list(
    t = do.call(rbind, collect("t")), singular = do.call(rbind, collect("singular")),
    evaluations = unlist(collect("evaluations")), error = unlist(collect("error")),
    doubt = unlist(collect("doubt")), conditions = do.call(rbind, collect("conditions"))
  )
}

# A function of first and count that gives a batch.
batch_drawer <- function(task, statistic) {
  if (!is.null(task$cases)) {
    return(if (is.null(statistic)) case_drawer(task) else case_statistic_drawer(task, statistic))
  }
  frame <- rebuilt_frame(task$fit)
  design <- rust_result(do.call(rust_design, rust_arguments(frame)))$design
  settings <- refit_settings(frame, task$plan$theta, !is.null(statistic))
  function(first, count) {
    fits <- checked_fits(rust_bootstrap(design, task$plan, settings, task$seed, first, count))
    if (is.null(statistic)) return(batch_of_fits(fits))
    statistics_of_fits(task, frame, fits, first, statistic)
  }
}

case_drawer <- function(task) {
  frame <- rebuilt_frame(task$fit)
  settings <- refit_settings(frame, task$fit$theta)
  arguments <- rust_arguments(frame)
  function(first, count) {
    batch_of_fits(checked_fits(do.call(rust_bootstrap_cases, c(arguments, list(task$cases, settings,
      task$seed, first, count)))))
  }
}

# The statistics that need no function: all parameters.
batch_of_fits <- function(fits) {
  redundant <- is.na(fits$error) & colSums(is.na(fits$beta)) > 0
  fits$doubt[redundant & is.na(fits$doubt)] <- "columns of the fixed effects are redundant"
  list(t = cbind(t(fits$parameters), t(fits$beta)), singular = t(fits$singular) == 1,
    evaluations = fits$evaluations[1L, ], error = fits$error, doubt = fits$doubt)
}

statistics_of_fits <- function(task, frame, fits, first, statistic) {
  batch <- batch_of_fits(fits)
  used <- which(used_rows(task$fit$frame))
  values <- lapply(seq_along(fits$error), function(i) {
    if (!is.na(fits$error[i])) return(list(failure = fits$error[i]))
    evaluate_statistic(statistic, light_fit(task$fit, frame$random, fits, i, used), task, first + i)
  })
  with_statistics(batch, values, task)
}

# A batch with the statistic's values in place of the parameters.
with_statistics <- function(batch, values, task) {
  k <- length(task$labels)
  batch$t <- matrix(unlist(lapply(values, function(v) {
    if (is.null(v$value)) rep(NA_real_, k) else v$value
  })), length(values), k, byrow = TRUE)
  batch$error <- vapply(values, function(v) {
    if (!is.null(v$failure)) v$failure else if (is.null(v$error)) NA_character_ else
      paste("FUN:", v$error)
  }, "")
  batch$conditions <- do.call(rbind, lapply(values, `[[`, "conditions"))
  batch
}

# Value of the user's function, or its error as a text; its warnings and messages are collected.
# Whatever it draws from R's generator depends on the seed and the number of the replicate.
evaluate_statistic <- function(statistic, fit, task, replicate) {
  conditions <- list()
  collect <- function(kind) function(condition) {
    conditions[[length(conditions) + 1L]] <<- data.frame(replicate = replicate, kind = kind,
      text = trimws(conditionMessage(condition)))
    invokeRestart(if (kind == "warning") "muffleWarning" else "muffleMessage")
  }
  set.seed((task$seed * 7919 + replicate * 104729) %% .Machine$integer.max,
    kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
  out <- withCallingHandlers(
    tryCatch(list(value = statistic_value(statistic(fit), task$labels)), error = function(e) {
      list(error = conditionMessage(e))
    }),
    warning = collect("warning"), message = collect("message")
  )
  out$conditions <- do.call(rbind, conditions)
  out
}

statistic_value <- function(value, labels) {
  if (!is.numeric(value)) stop("the result is not numeric", call. = FALSE)
  if (!is.null(labels) && length(value) != length(labels)) {
    stop("the result has ", length(value), " values, that for the fit itself has ", length(labels),
      call. = FALSE)
  }
  as.double(value)
}

# The fit `i` of a batch as a fitted model, made from the original one.
light_fit <- function(object, random, fits, i, used) {
  p <- length(object$beta)
  object$frame <- with_values(object$frame, used, fits$y[, i])
  object$theta <- fits$theta[, i]
  object$beta[] <- fits$beta[, i]
  object$u <- fits$u[, i]
  object$sigma <- fits$parameters[nrow(fits$parameters), i]
  object$RX[] <- fits$RX[, i]
  object$criterion <- fits$criterion[1L, i]
  object$cmp[] <- c(fits$cmp[, i], if (object$REML) object$criterion else NA, fits$dev[1L, i])
  singular <- if (any(fits$singular[, i] == 1)) singular_directions(random, object$theta)
  object$optinfo <- list(
    evaluations = fits$evaluations[1L, i],
    certificate = list(certified = fits$certified[1L, i] == 1, text = fits$doubt[i]),
    messages = vapply(singular, `[[`, "", "text")
  )
  object
}

# A model frame with other values of the response in some rows; data frames are slow to assign to.
with_values <- function(frame, rows, values) {
  kept <- attributes(frame)
  frame <- unclass(frame)
  y <- as.double(frame[[1L]])
  y[rows] <- values
  frame[[1L]] <- y
  attributes(frame) <- kept
  frame
}

# R's generator afterwards as it was before.
keep_generator <- function(code) {
  before <- get0(".Random.seed", globalenv(), inherits = FALSE)
  on.exit(if (is.null(before)) {
    suppressWarnings(rm(".Random.seed", envir = globalenv()))
  } else {
    assign(".Random.seed", before, envir = globalenv())
  })
  code
}
