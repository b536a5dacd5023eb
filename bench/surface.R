# What can be asked of a large fit, and how long each answer takes: InstEval, 73,421 ratings by 2,972
# students of 1,128 teachers.
#
#   Rscript bench/surface.R [runs=3] [limit=1] [lib=.lib] [write=yes]
#
# from the top of the project. Lists what takes more than `limit` seconds, and the slowest of the
# rest. Ends with status 1 if an exported function or a method for fits is neither timed nor named
# in `not_timed`, or a call fails.

source("bench/common.R")

# Calls with `fit`, `data`, `effects` = ranef(fit), `deletions` = influence(fit, "d"), `smaller`, the
# fit without service, and `new_students`, 5,000 rows.
tasks <- expression(
  rlmm(y ~ service + (1 | s) + (1 | d), data), print(fit), summary(fit), print(summary(fit)),
  coef(summary(fit)), vcov(summary(fit)),
  fixef(fit), ranef(fit), ranef(fit, condVar = FALSE), print(effects), as.data.frame(effects),
  effects["d"], coef(fit), VarCorr(fit), as.data.frame(VarCorr(fit)), vcov(fit), sigma(fit),
  logLik(fit), deviance(fit, REML = FALSE), REMLcrit(fit), AIC(fit), BIC(fit), nobs(fit),
  df.residual(fit), ngrps(fit), weights(fit), family(fit), isREML(fit), isLMM(fit), isGLMM(fit),
  isNLMM(fit), isSingular(fit), na.action(fit), getData(fit), formula(fit), terms(fit),
  model.frame(fit), model.matrix(fit), model.matrix(fit, "random"),
  model.matrix(fit, "randomListRaw"), getME(fit, "ALL"), getME(fit, "L"), as.function(fit)(c(1, 1)),
  fitted(fit), residuals(fit), predict(fit), predict(fit, data), predict(fit, data, re.form = NA),
  predict(fit, data, se.fit = TRUE), predict(fit, data, interval = "prediction"),
  predict(fit, data[1:100, ], interval = "prediction"),
  predict(fit, new_students, allow.new.levels = TRUE, interval = "prediction"),
  hatvalues(fit), rstandard(fit), rstudent(fit), cooks.distance(fit),
  cooks.distance(fit, type = "fitted"), influence(fit), influence(fit, "d"), influence(fit, "s"),
  influence(fit, "lectage", data), dfbeta(deletions), dfbetas(deletions), print(deletions),
  cooks.distance(deletions), as.data.frame(deletions), dfbeta(fit), dfbetas(fit),
  simulate(fit), simulate(fit, nsim = 100), simulate(fit, newdata = data),
  simulate_lmm(~ service + (1 | s) + (1 | d), data, list(beta = fixef(fit), theta = fit$theta,
    sigma = 1)),
  refit(fit, rev(data$y)), refit(fit, simulate(fit, nsim = 20)), refitML(fit),
  update(fit, . ~ . - service), drop1(fit), drop1(fit, test = "F"), extractAIC(fit), anova(fit),
  anova(fit, ddf = "Kenward-Roger"), anova(fit, ddf = "none"), anova(fit, smaller),
  summary(fit, ddf = "Kenward-Roger"), summary(fit, ddf = "none"), contest(fit, c(0, 1)),
  show_tests(anova(fit)), ls_means(fit), ranova(fit), step(fit), get_model(step(fit)),
  as_merMod(fit), group_sizes(fit), result_tables(fit), report_tables(fit), report_text(fit),
  rePCA(fit), summary(rePCA(fit)),
  multistart(fit, n = 5), summary(allFit(fit, n = 1)), intervals(fit), vcov_theta(fit),
  variance_parameters(fit), fit_statistics(fit), variance_partition(fit), optinfo(fit),
  fit_log(fit), print(fit_log(fit)),
  rlmm_frame(y ~ service + (1 | s) + (1 | d), data),
  rlmm_devfun(rlmm_frame(y ~ service + (1 | s) + (1 | d), data)),
  print(plot(fit)), print(plot(fit, which = "qq")), print(plot(fit, which = "scale")),
  print(plot(fit, which = "group")), print(qqmath(fit)), print(plot(effects)),
  print(dotplot(effects)), print(qqmath(effects)), print(plot(coef(fit))),
  print(dotplot(coef(fit))), print(qqmath(coef(fit))), print(plot_effect(fit)),
  print(plot_shrinkage(fit)), print(plot(deletions)), print(ggplot2::autoplot(fit)),
  print(ggplot2::autoplot(effects)), print(ggplot2::autoplot(coef(fit))),
  print(ggplot2::autoplot(deletions)), ggplot2::fortify(fit)
)

# Exports and generics that are no question to a fit, or are timed elsewhere.
not_timed <- c("rlmm_control", "rlmm_optimize", "rlmm_object", "lmList", "dummy", "makepredictcall",
  "[", "as_rlmm", "masquerade", "n_parameters", "profile", "confint", "bootMer", "logProf",
  "varianceProf", "xyplot", "densityplot", "splom", "power_sim", "fit_constrained")

seconds_of_call <- function(call, places, runs) {
  once <- function() {
    gc(FALSE)
    grDevices::pdf(NULL)
    on.exit(grDevices::dev.off())
    run <- function() {
      quietly(eval(call, places))
      NULL
    }
    system.time(utils::capture.output(run()), gcFirst = FALSE)[["elapsed"]]
  }
  first <- tryCatch(once(), error = function(e) {
    message(conditionMessage(e))
    NA
  })
  if (is.na(first) || first > 5) return(first)
  stats::median(c(first, vapply(seq_len(runs - 1), function(i) once(), 0)))
}

# Names of exported functions, and of the generics with methods for fits, those of packages left
# out that are not needed here.
names_to_cover <- function() {
  methods <- getNamespaceInfo("rlmm", "S3methods")
  class <- vapply(methods[, 2L], function(x) as.character(x)[1L], "")
  generics <- vapply(methods[, 1L], function(x) as.character(x)[1L], "")
  own <- vapply(generics, exists, NA, envir = asNamespace("rlmm"))
  unique(c(getNamespaceExports("rlmm"), generics[class == "rlmm" & own]))
}

uncovered <- function() {
  used <- unique(unlist(lapply(as.list(tasks), all.names)))
  setdiff(names_to_cover(), c(used, not_timed))
}

text_of_call <- function(call) {
  text <- gsub("\\s+", " ", paste(deparse(call, width.cutoff = 500L), collapse = " "))
  sub("^print[(](.*)[)]$", "\\1, drawn or printed", text)
}

section <- function(texts, seconds, options) {
  slow <- seconds > options$limit & !is.na(seconds)
  order <- order(-seconds)
  rest <- utils::head(setdiff(order, which(slow)), 12L)
  rows <- lapply(c(order[order %in% which(slow)], rest), function(i) {
    c(paste0("`", texts[i], "`"), number(seconds[i]))
  })
  c(
    "## What takes how long on a large fit", "",
    paste0("`y ~ service + (1 | s) + (1 | d)` on InstEval: 73,421 rows, 2,972 and 1,128 random ",
      "effects. Seconds of each call, medians of ", options$runs, " runs (`bench/surface.R`, ",
      length(seconds), " calls). ", sum(slow), " take more than ", options$limit,
      " s; the slowest of the others follow."), "",
    markdown_table(c("call", "seconds"), rows), "",
    machine_facts()
  )
}

single_blas_thread()
options <- command_options(runs = 3, limit = 1)
data <- lme4::InstEval
fit <- quietly(rlmm(y ~ service + (1 | s) + (1 | d), data))
places <- list2env(list(fit = fit, data = data, effects = ranef(fit),
  deletions = influence(fit, "d"), smaller = update(fit, . ~ . - service),
  new_students = transform(utils::head(data, 5000), s = paste("new", s))), parent = globalenv())
seconds <- vapply(as.list(tasks), function(call) {
  taken <- seconds_of_call(call, places, options$runs)
  message(formatC(taken, digits = 3, width = 8, format = "f"), "  ", text_of_call(call))
  taken
}, 0)
report("surface", section(vapply(as.list(tasks), text_of_call, ""), seconds, options),
  options$write, TRUE)
left <- uncovered()
if (length(left)) message("neither timed nor named in not_timed: ", toString(left))
quit(status = as.integer(length(left) > 0L || anyNA(seconds)))
