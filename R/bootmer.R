#' Bootstrap of a fitted model
#'
#' Draws samples from a fitted model or from its data, fits the model to each, and keeps a statistic
#' of each fit: all parameters, or what a function gives.
#'
#' @param x A model fitted by [rlmm()], or by lme4, which is handed on to `lme4::bootMer()`.
#' @param FUN A function of a fitted model that gives a numeric vector. Without it the statistics
#'   are all parameters: standard deviations and correlations of the random effects, sigma, and the
#'   fixed effects, which are computed without any call of R.
#' @param nsim Number of samples.
#' @param seed `NULL`, or a whole number. Without one it is drawn from R's generator, so that
#'   [set.seed()] governs.
#' @param use.u Keep all random effects at their conditional modes? The same as `re.form = NULL`.
#' @param re.form The random-effects terms to keep at their conditional modes, as in
#'   [simulate.rlmm()].
#' @param type What a sample is:
#'   * `"parametric"`: new random effects and residuals from their normal distributions;
#'   * `"semiparametric"`: residuals drawn with replacement, random effects kept; needs
#'     `use.u = TRUE`;
#'   * `"residual"`: random effects (of the terms that are not kept) and residuals drawn with
#'     replacement, after they have been transformed to have the covariance that was estimated
#'     (Carpenter, Goldstein & Rasbash 2003, section 3.2);
#'   * `"cases"`: groups of the data drawn with replacement, see `cluster` and `resample` (van der
#'     Leeden, Meijer & Busing 2008).
#' @param verbose Print the statistic of each sample, after the last one?
#' @param .progress `"auto"`: progress is signalled through the progressr package where that is
#'   installed, which shows it as the user has set there; otherwise interactive sessions show a bar
#'   after two seconds. `"txt"`: a bar of text; `"none"`.
#' @param PBargs A list; its element `width` is that of the bar.
#' @param parallel,ncpus,cl Where to compute. `"auto"`: through the plan of the future package if
#'   one has been set that is not sequential, otherwise in this process, on as many threads as
#'   `control` of the fit allows ([rlmm_control()]). `"no"`: in this process. `"future"`: through
#'   the plan, whatever it is. `"multicore"` and `"snow"`: `ncpus` forked processes, or the cluster
#'   `cl` of the parallel package.
#' @param cluster For `"cases"`: the grouping factor whose groups are drawn, by name. By default the
#'   one in whose groups all others are nested.
#' @param resample For `"cases"`: draw `"groups"` with all their rows, `"rows"` within their groups,
#'   or `"both"`, groups and then rows within them.
#' @param ... Nothing else is accepted.
#' @return An object of classes `rlmm_boot`, `bootMer` and `boot`, a list of
#' * `t0`: the statistic of the fit, and `t`: those of the samples, in rows, `NA` where there is
#'   none; `R`: number of rows;
#' * `singular`: a logical matrix, which terms of which sample's fit are singular; `evaluations`;
#' * `notes`: a data frame of what happened in the samples, with columns `kind`, `text` and
#'   `count`, see [print.rlmm_boot()];
#' * `type`, `seed`, `fit`, `call`, `statistic` (`FUN`), `cases`, and for the boot package `data`,
#'   `sim`, `mle`, `ran.gen`. Attributes `bootFail`, `boot.fail.msgs` and `boot.all.msgs` are as
#'   lme4 has them.
#' @details
#' Sample i depends on the seed and on i alone: it is the same on any number of threads or
#' processes, and so are all results. It is not the sample that lme4 draws for that seed: numbers
#' come from a generator of their own (PCG, a stream for each sample), first the random effects, in
#' the order of `getME(x, "u")`, then the residuals, in the order of the rows. If `FUN` draws
#' random numbers, they depend on the seed and on i, too.
#'
#' Searches start at the estimates of the fit, and every optimum is certified as in [rlmm()]; those
#' that are not are kept and counted. `FUN` gets a fitted model as [refit()] makes it, without the
#' trace of the search.
#'
#' The residual bootstrap needs more levels than effects in each term. Weights: residuals are drawn
#' on the scale of weight one. Cases: each copy of a group counts as a group of its own, and so do
#' the levels of factors nested in it; levels of crossed factors keep their identity.
#'
#' After an interrupt (Ctrl-C) the samples that are complete are returned, with a warning. Only the
#' statistics are kept, so memory grows by these.
#' @section Warnings:
#' `rlmm_bootstrap` when samples have no statistic, or after an interrupt.
#' @references
#' Carpenter, Goldstein & Rasbash (2003). A novel bootstrap procedure for assessing the relationship
#' between class size and achievement. J. R. Stat. Soc. C 52(4), 431-443.
#'
#' van der Leeden, Meijer & Busing (2008). Resampling multilevel models. In: Handbook of Multilevel
#' Analysis, chapter 11. Springer.
#'
#' Davison & Hinkley (1997). Bootstrap Methods and Their Application. Cambridge, section 3.8
#' (hierarchical data).
#'
#' O'Neill (2014). PCG: a family of simple fast space-efficient statistically good algorithms for
#' random number generation. Harvey Mudd College, HMC-CS-2014-0905.
#' @seealso [confint.rlmm_boot()] for intervals, [print.rlmm_boot()], [power_sim()].
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' b <- bootMer(fit, nsim = 200, seed = 1)
#' b
#' confint(b)
#'
#' ratio <- function(m) c(ratio = fixef(m)[["Days"]] / sigma(m))
#' bootMer(fit, ratio, nsim = 50, seed = 1)
#' @export
bootMer <- function(x, FUN = NULL, nsim = 1, seed = NULL, use.u = FALSE, re.form = NA,
                    type = c("parametric", "semiparametric", "residual", "cases"),
                    verbose = FALSE, .progress = "auto", PBargs = list(),
                    parallel = c("auto", "no", "multicore", "snow", "future"),
                    ncpus = getOption("boot.ncpus", 1L), cl = NULL, cluster = NULL,
                    resample = c("groups", "rows", "both"), ...) {
  call <- match.call()
  if (!inherits(x, "rlmm")) return(boot_by_lme4(x, call, parent.frame()))
  refuse_constrained(x, "bootMer()")
  no_other_arguments("bootMer", ...)
  nsim <- check_count(nsim, "nsim")
  type <- one_of(type, c("parametric", "semiparametric", "residual", "cases"), "type")
  if (!missing(re.form) && !missing(use.u)) {
    stop_rlmm("bad_argument", "give one of 'use.u' and 're.form'", column = "use.u")
  }
  kept <- wanted_bars(x, if (isTRUE(use.u)) NULL else re.form)
  check_kept(x, type, kept)
  statistic <- if (!is.null(FUN)) match.fun(FUN)
  seed <- boot_seed(seed)
  task <- boot_task(x, type, kept, seed, statistic, cluster, one_of(resample,
    c("groups", "rows", "both"), "resample"))
  where <- where_to_run(parallel, ncpus, cl)
  report <- progress_reporter(nsim, one_of(.progress, c("auto", "txt", "none"), ".progress"),
    if (is.null(PBargs$width)) 30L else PBargs$width)
  result <- run_task(task, nsim, statistic, where, report)
  out <- boot_object(task, result, nsim, statistic, call)
  if (isTRUE(verbose)) print_replicates(out)
  report_boot(out, nsim)
}

# All that was given, as lme4 has it; our own defaults are not for it.
boot_by_lme4 <- function(x, call, env) {
  arguments <- lapply(as.list(call)[-(1:2)], eval, envir = env)
  do.call(hand_to_lme4, c(list("bootMer", x), arguments), quote = TRUE)
}

check_kept <- function(object, type, kept) {
  if (type == "cases" && length(kept)) {
    stop_rlmm("bad_argument", "samples of cases have no random effects to keep; leave out 'use.u'",
      column = "use.u")
  }
  if (type == "semiparametric" && !all(is_kept(object, object$frame, kept))) {
    stop_rlmm("bad_argument", paste0("type = \"semiparametric\" keeps all random effects: give ",
      "use.u = TRUE, or draw them, too, by type = \"residual\""), column = "use.u")
  }
}

boot_seed <- function(seed) {
  if (is.null(seed)) return(sample.int(.Machine$integer.max, 1L))
  whole <- is.numeric(seed) && length(seed) == 1L && is.finite(seed) && seed == round(seed)
  if (!whole || abs(seed) > 2^53) {
    stop_rlmm("bad_argument", "'seed' must be a whole number", column = "seed")
  }
  as.double(seed)
}

# All that a worker needs, as plain data. The fit brings its own search along; it is not needed.
boot_task <- function(object, type, kept, seed, statistic, cluster = NULL, resample = "groups") {
  t0 <- statistic_of_fit(object, statistic, seed)
  task <- list(fit = object, type = type, seed = as.double(seed), t0 = t0, labels = names(t0),
    numbers = nrow(object$frame) + length(object$u) + length(object$RX))
  if (is.null(task$labels)) task$labels <- rep("", length(t0))
  if (type == "cases") {
    task$cases <- case_plan(object, cluster, resample)
  } else {
    task$plan <- sampling_plan(object, type, kept)
  }
  task
}

statistic_of_fit <- function(object, statistic, seed) {
  if (is.null(statistic)) return(c(scale_change(object, "sdcor")$estimate, object$beta))
  value <- keep_generator({
    set.seed(seed %% .Machine$integer.max)
    statistic(object)
  })
  if (!is.numeric(value) || length(value) == 0L) {
    stop_rlmm("bad_argument", paste0("FUN must give numbers; for the fit itself it gives an ",
      "object of class '", class(value)[1L], "'"), column = "FUN")
  }
  value <- unlist(value)
  stats::setNames(as.double(value), names(value))
}

boot_object <- function(task, result, nsim, statistic, call) {
  if (is.null(result$t)) {
    result <- list(t = matrix(NA_real_, 0L, length(task$t0)), done = 0L,
      singular = matrix(NA, 0L, length(task$fit$random)))
  }
  colnames(result$t) <- names(task$t0)
  colnames(result$singular) <- vapply(task$fit$random, `[[`, "", "name")
  object <- task$fit
  out <- list(
    t0 = task$t0, t = result$t, R = as.integer(result$done), data = object$frame, seed = task$seed,
    statistic = statistic, sim = "parametric", call = call, ran.gen = paste(task$type, "samples"),
    mle = list(beta = object$beta, theta = object$theta, sigma = object$sigma),
    type = task$type, singular = result$singular, evaluations = result$evaluations,
    notes = boot_notes(result, task), fit = object, cases = task$cases
  )
  with_lme4_messages(structure(out, class = c("rlmm_boot", "bootMer", "boot")), result)
}

# What happened, counted: failed samples first.
boot_notes <- function(result, task) {
  undefined <- colSums(is.nan(result$t[is.na(result$error), , drop = FALSE]))
  undefined <- undefined[undefined > 0]
  counted <- function(kind, texts) {
    texts <- texts[!is.na(texts)]
    counts <- sort(table(texts), decreasing = TRUE)
    if (length(counts)) data.frame(kind = kind, text = names(counts), count = as.integer(counts))
  }
  conditions <- texts_by_kind(result$conditions)
  singular <- colSums(result$singular, na.rm = TRUE)
  rbind(
    counted("failed", result$error),
    counted("singular", rep(names(singular), singular)),
    counted("not certified", result$doubt),
    counted("undefined", rep(names(undefined), undefined)),
    counted("warning", conditions$warning), counted("message", conditions$message)
  )
}

texts_by_kind <- function(conditions) {
  if (is.null(conditions)) list() else split(conditions$text, conditions$kind)
}

# The attributes that lme4's objects have.
with_lme4_messages <- function(boot, result) {
  conditions <- texts_by_kind(result$conditions)
  failures <- result$error[!is.na(result$error)]
  all <- lapply(list(conditions$message, conditions$warning, failures), function(x) {
    table(as.character(x))
  })
  names(all) <- paste0("factory-", c("message", "warning", "error"))
  structure(boot, bootFail = length(failures),
    boot.fail.msgs = if (length(failures)) all[["factory-error"]], boot.all.msgs = all,
    boot_type = "boot")
}

# Warns of samples that have no statistic.
report_boot <- function(boot, nsim) {
  failed <- attr(boot, "bootFail")
  if (failed > 0L) {
    first <- boot$notes$text[boot$notes$kind == "failed"][1L]
    warn_rlmm("bootstrap", paste0(failed, " of ", boot$R, " samples have no statistic: ", first))
  }
  if (boot$R < nsim) {
    warn_rlmm("bootstrap", paste0("interrupted after ", boot$R, " of ", nsim, " samples"))
  }
  boot
}

print_replicates <- function(boot) {
  for (i in seq_len(boot$R)) {
    cat(sprintf("%5d : %s\n", i, paste(format(boot$t[i, ], digits = 5), collapse = " ")))
  }
}
